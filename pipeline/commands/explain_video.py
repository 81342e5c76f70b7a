"""A video from its first second to its last, for `just explain <dataset> <key or id of a video>`.

just explain datasets/demo harbour.mp4
"""

from collections.abc import Sequence

from pipeline.stage import Row
from schemas.terminal import print_table

_WITHIN = ("clip", "span", "sample")


def print_video(video: Row, ledger: Sequence[Row]) -> None:
    """Print where its seconds went: its clips, their samples, and the lost spans, in time order."""
    print(f"{video['source']}  ({video['id']})\n")
    print(f"{video['state']} by {video['stage']}{': ' + video['reason'] if video['reason'] else ''}")
    clips = {row["id"] for row in ledger if row["parent"] == video["id"]}
    inside = [row for row in ledger if row["parent"] == video["id"] or row["parent"] in clips]
    shipped = sum(row["seconds"] for row in inside if (row["kind"], row["state"]) == ("sample", "shipped"))
    print(f"{video['seconds']:.2f} s of video, {shipped:.2f} s of them in samples\n")
    inside.sort(key=lambda row: (row["start_time"] or 0.0, _WITHIN.index(row["kind"]), row["end_time"] or 0.0))
    rows = [
        (
            f"{row['start_time']:.2f}-{row['end_time']:.2f}",
            round(row["seconds"], 2),
            f"{'  ' if row['parent'] in clips else ''}{row['kind']}",
            row["state"],
            row["reason"] or row["id"],
        )
        for row in inside
    ]
    print_table("From the first second to the last", ("from-to", "seconds", "what", "state", "why, or its id"), rows)

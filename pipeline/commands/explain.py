"""`just explain <dataset> <clip-id>`: a clip's whole history, from its source to its samples in the shards.

just explain datasets/demo 3f2a
just explain datasets/demo harbour.mp4      # a video: its clips and every lost span, with the reason
"""

import argparse
import textwrap
from collections.abc import Mapping, Sequence

from pipeline.commands.arguments.explain import parse
from pipeline.commands.explain_video import print_video
from pipeline.dataset.folder import Dataset
from pipeline.readers.finding import find_clip
from pipeline.readers.history import History
from pipeline.stage import Row
from pipeline.stages.select.sample_spans import is_told_from_outside
from schemas.command import run_command
from schemas.named_values import dict_of

_SOURCE = (
    "key", "uri", "container", "codec", "stream", "width", "height", "rotation", "mirrored", "scan", "average_fps",
    "start_time", "duration", "video_id",
)  # fmt: skip
_SPLIT = ("shots", "clips", "decoded_frames")
_OVERVIEW = ("overview", "error", "captioner", "model", "prompt_hash")
_PACKED = ("split", "shard", "offset", "size", "status", "error")


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Print the clip or the video."""
    history = History(Dataset(parsed.dataset))
    history.dataset.read_record()  # raises for a folder that is not a dataset
    if film := history.of_video(parsed.clip):
        print_video(film["film"][0], film["within"])
        return
    clip_id = find_clip(parsed.clip, history.clips_like(parsed.clip))
    tables = history.of_clip(clip_id)
    clip = tables["clip"][0]
    print(f"clip {clip_id}\n")
    _section("source", _pick(tables["source"][0], _SOURCE))
    _section("split", _pick(tables["split"][0], _SPLIT))
    _section("parts", dict(describe_part(part) for part in tables["split"][0]["parts"]))
    _section("clip", {name: value for name, value in clip.items() if name not in ("clip_id", "video_id")})
    _section("selection", {name: value for name, value in tables["selection"][0].items() if value is not None})
    _print_stills(tables)
    for span in tables["spans"]:
        _print_sample(span, tables)
    for row in tables["ledger"]:
        _section("ledger", {name: row[name] for name in ("state", "stage", "reason", "attempts")})


def describe_part(part: Row) -> tuple[str, str]:
    """The times of a part of a video; its size, and the reason it began."""
    return f"{part['start_time']:.2f}-{part['end_time']:.2f} s", f"{part['width']}x{part['height']}, {part['cause']}"


def _print_stills(tables: Mapping[str, Sequence[Row]]) -> None:
    labels = {row["still_id"]: row for row in tables["labels"]}
    captions = {row["still_id"]: row for row in tables["frame captions"]}
    for still in tables["stills"]:
        key = still["still_id"]
        lines = {"time": still["time"]}
        if key in labels and labels[key]["names"]:
            pairs = zip(labels[key]["names"], labels[key]["probabilities"], strict=True)
            lines["labels"] = ", ".join(f"{name} {probability:.2f}" for name, probability in pairs)
        if caption := captions.get(key):
            lines["said"] = caption["caption"] or f"failed: {caption['error']}"
            lines["by"] = f"{caption['captioner']}, {caption['model']}, prompt {caption['prompt_hash']}"
        _section(f"still {still['ordinal']}", lines)


def _print_sample(span: Row, tables: Mapping[str, Sequence[Row]]) -> None:
    key = span["sample_id"]

    def of_sample(table: str) -> list[Row]:
        return [row for row in tables[table] if row["sample_id"] == key]

    print(f"sample {key}\n")
    _section("shows", {"bucket": span["bucket"], "span": _seconds(span), "captioned from": stills_used(span)})
    for row in of_sample("overviews"):
        _section("overview", _pick(row, _OVERVIEW))
    for row in of_sample("captions"):
        values = {name: value for name, value in row.items() if value is not None}
        values["fields"] = "; ".join(f"{name}: {value}" for name, value in dict_of(row["fields"]).items())
        _section("caption", {name: value for name, value in values.items() if name not in ("sample_id", "clip_id")})
    for row in of_sample("samples"):
        _section("packed", {name: value for name, value in _pick(row, _PACKED).items() if value is not None})


def stills_used(span: Row) -> str:
    """The stills that a sample's caption is made from, and whether they lie in its span."""
    times = ", ".join(f"{still['time']:.2f}" for still in span["stills"])
    if not times:
        return "no still of its clip could be made"
    if is_told_from_outside(span):
        return f"the nearest still, at {times} s; none is inside its span"
    return f"its stills at {times} s"


def _seconds(span: Row) -> str:
    return f"{span['start_time']:.3f} s to {span['end_time']:.3f} s"


def _pick(row: Row, names: Sequence[str]) -> Row:
    return {name: row[name] for name in names}


def _section(title: str, values: Row) -> None:
    print(title)
    for name, value in values.items():
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        wrapped = textwrap.wrap(text, 90) or [""]
        print(f"  {name:18} {wrapped[0]}")
        for line in wrapped[1:]:
            print(f"  {'':18} {line}")
    print()


if __name__ == "__main__":
    run_command(main)

"""The input rows of the caption, overview and summarise stages, worked out from the tables before them.

python -m pytest tests/pipeline/test_caption_rows.py
"""

from collections.abc import Mapping, Sequence, Set

import pyarrow as pa

from captioning.captioners.facts import camera
from pipeline.dataset import PART_COLUMN
from pipeline.references import REFERENCE, keys_of
from pipeline.stage import Row

_TEXT, _NUMBER = pa.string(), pa.float64()
CAPTION_ROWS = pa.schema(
    [
        ("still_id", _TEXT),
        ("clip_id", _TEXT),
        ("time", _NUMBER),
        (PART_COLUMN, _TEXT),
        ("camera", _TEXT),
        ("motion", _NUMBER),
        ("camera_motion", _NUMBER),
        ("subject_motion", _NUMBER),
        ("offset", _NUMBER),
        ("names", pa.list_(_TEXT)),
        ("probabilities", pa.list_(_NUMBER)),
    ]
)
OVERVIEW_ROWS = pa.schema(
    [
        ("clip_id", _TEXT),
        ("references", pa.list_(REFERENCE)),
        ("keys", pa.list_(_TEXT)),
        ("times", pa.list_(_NUMBER)),
    ]
)
SUMMARY_ROWS = pa.schema(
    [
        ("clip_id", _TEXT),
        ("captions", pa.list_(_TEXT)),
        ("times", pa.list_(_NUMBER)),
        ("overview", _TEXT),
        ("measured", _TEXT),
    ]
)


def caption_rows(kept: Set[str], clips: pa.Table, stills: pa.Table, labels: pa.Table | None) -> pa.Table:
    """One row per still of a kept clip, with the still's labels and the clip's motion."""
    clip_of = {row["clip_id"]: row for row in clips.to_pylist() if row["clip_id"] in kept}
    label_of = {row["still_id"]: row for row in labels.to_pylist()} if labels is not None else {}
    rows = []
    for still in stills.to_pylist():
        clip = clip_of.get(still["clip_id"])
        if clip is None:
            continue
        label = label_of.get(still["still_id"], {})
        rows.append(
            {
                **{name: still[name] for name in ("still_id", "clip_id", "time", PART_COLUMN)},
                **{name: clip[name] for name in ("camera", "motion", "camera_motion", "subject_motion")},
                "offset": still["time"] - clip["start_time"],
                "names": label.get("names") or [],
                "probabilities": label.get("probabilities") or [],
            }
        )
    return pa.Table.from_pylist(rows, schema=CAPTION_ROWS)


def overview_rows(clip_ids: Set[str], clips: pa.Table, stills: pa.Table, count: int) -> pa.Table:
    """One row per clip with references to at most `count` (>= 1) of its stills, evenly spaced, in time order."""
    starts = {row["clip_id"]: row["start_time"] for row in clips.select(["clip_id", "start_time"]).to_pylist()}
    of_clip: dict[str, list[Row]] = {}
    for still in stills.select(["still_id", "clip_id", "time", PART_COLUMN]).sort_by("still_id").to_pylist():
        if still["clip_id"] in clip_ids:
            of_clip.setdefault(still["clip_id"], []).append(still)
    rows = []
    for clip_id, found in sorted(of_clip.items()):
        chosen = spread(found, count)
        references = [{"key": still["still_id"], "part": still[PART_COLUMN]} for still in chosen]
        times = [still["time"] - starts[clip_id] for still in chosen]
        rows.append({"clip_id": clip_id, "references": references, "keys": keys_of(references), "times": times})
    return pa.Table.from_pylist(rows, schema=OVERVIEW_ROWS)


def summary_rows(
    said: Mapping[str, Sequence[Row]], clips: pa.Table, overviews: Mapping[str, str], measured: bool
) -> pa.Table:
    """One row per clip of `said` (frame captions in time order) with its overview and, if `measured`, its moves."""
    rows = []
    for clip in clips.to_pylist():
        frames = said.get(clip["clip_id"])
        if not frames:
            continue
        moves = camera(clip["camera"], clip["camera_motion"], clip["subject_motion"]) if measured else ""
        rows.append(
            {
                "clip_id": clip["clip_id"],
                "captions": [frame["caption"] for frame in frames],
                "times": [frame["time"] - clip["start_time"] for frame in frames],
                "overview": overviews.get(clip["clip_id"], ""),
                "measured": moves,
            }
        )
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["clip_id"])), schema=SUMMARY_ROWS)


def spread(found: Sequence[Row], count: int) -> list[Row]:
    """At most `count` of the rows, evenly spaced; with two or more the first and the last are among them."""
    if len(found) <= count:
        return list(found)
    if count == 1:
        return [found[len(found) // 2]]
    return [found[round(place * (len(found) - 1) / (count - 1))] for place in range(count)]

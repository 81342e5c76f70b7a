"""The input rows of the caption, overview and summarise stages, worked out from the tables before them.

Stills are captioned each by itself; overviews and summaries are of samples, from the stills inside a sample's span and
with times counted from its start.

python -m pytest tests/pipeline/stages/caption/test_rows.py
"""

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from captioning.captioners.facts import camera
from pipeline.dataset.folder import PART_COLUMN
from pipeline.dataset.references import REFERENCE, keys_of
from pipeline.stage import Row
from schemas.spacing import evenly_spaced

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
        ("sample_id", _TEXT),
        ("clip_id", _TEXT),
        ("references", pa.list_(REFERENCE)),
        ("keys", pa.list_(_TEXT)),
        ("times", pa.list_(_NUMBER)),
    ]
)
SUMMARY_ROWS = pa.schema(
    [
        ("sample_id", _TEXT),
        ("clip_id", _TEXT),
        ("captions", pa.list_(_TEXT)),
        ("times", pa.list_(_NUMBER)),
        ("overview", _TEXT),
        ("measured", _TEXT),
    ]
)


def caption_rows(spans: Sequence[Row], clips: pa.Table, stills: pa.Table, labels: pa.Table | None) -> pa.Table:
    """One row per still that belongs to some sample, with the still's labels and its clip's motion."""
    wanted = {still["still_id"] for span in spans for still in span["stills"]}
    clip_of = {row["clip_id"]: row for row in clips.to_pylist()}
    label_of = {row["still_id"]: row for row in labels.to_pylist()} if labels is not None else {}
    rows = []
    for still in stills.to_pylist():
        if still["still_id"] not in wanted:
            continue
        clip = clip_of[still["clip_id"]]
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


def gather_said(spans: Sequence[Row], frames: Iterable[Row]) -> dict[str, list[Row]]:
    """By sample id its good frame captions in time order; a sample without any is left out."""
    good = {frame["still_id"]: frame for frame in frames if frame["status"] == "ok"}
    said = {
        span["sample_id"]: [good[still["still_id"]] for still in span["stills"] if still["still_id"] in good]
        for span in spans
    }
    return {key: captions for key, captions in said.items() if captions}


def overview_rows(spans: Sequence[Row], stills: pa.Table, count: int) -> pa.Table:
    """One row per sample with references to at most `count` (>= 1) of its stills, evenly spaced, in time order."""
    listed = stills.select(["still_id", PART_COLUMN]).to_pylist()
    part_of = {still["still_id"]: still[PART_COLUMN] for still in listed}
    rows = []
    for span in spans:
        chosen = evenly_spaced(span["stills"], count)
        references = [{"key": still["still_id"], "part": part_of[still["still_id"]]} for still in chosen]
        rows.append(
            {
                "sample_id": span["sample_id"],
                "clip_id": span["clip_id"],
                "references": references,
                "keys": keys_of(references),
                "times": [still["time"] - span["start_time"] for still in chosen],
            }
        )
    return pa.Table.from_pylist(rows, schema=OVERVIEW_ROWS)


def summary_rows(
    spans: Sequence[Row],
    captions: Mapping[str, Sequence[Row]],
    clips: pa.Table,
    overviews: Mapping[str, str],
    measured: bool,
) -> pa.Table:
    """One row per sample of `captions` (its frame captions in time order) with its overview and its clip's motion.

    `overviews` are by sample id; `measured` says whether the motion is included.
    """
    clip_of = {row["clip_id"]: row for row in clips.to_pylist()}
    rows = []
    for span in spans:
        frames = captions.get(span["sample_id"])
        if not frames:
            continue
        clip = clip_of[span["clip_id"]]
        moves = camera(clip["camera"], clip["camera_motion"], clip["subject_motion"]) if measured else ""
        rows.append(
            {
                "sample_id": span["sample_id"],
                "clip_id": span["clip_id"],
                "captions": [frame["caption"] for frame in frames],
                "times": [frame["time"] - span["start_time"] for frame in frames],
                "overview": overviews.get(span["sample_id"], ""),
                "measured": moves,
            }
        )
    return pa.Table.from_pylist(rows, schema=SUMMARY_ROWS)

"""The two streams of a run: what is looked at in every source, and what is made of the clips that are kept.

Each step says how its input rows follow from the tables before it, for a group of sources or clips as for all of them.
Between the streams stands the selection, which needs all clips at once: percentiles and copies are of the whole.

    runs = engine.stream(steps_before_selection(specs), groups, {"sources": ...}, {})
"""

from collections.abc import Mapping, Sequence
from functools import partial

import pyarrow as pa

from pipeline.dataset.folder import PART_COLUMN
from pipeline.dataset.references import REFERENCE, group_references, keys_of
from pipeline.dataset.stored_image import with_images
from pipeline.engine.steps import Step, Tables, given
from pipeline.stage import Row
from pipeline.stages.caption.rows import caption_rows, gather_said, overview_rows, summary_rows
from pipeline.stages.score.configured import scorer_class
from pipeline.stages.specs_of_run import Specs

SOURCES, SPANS = "sources", "spans"
"""The tables given to the first and to the second stream: usable videos, and the planned samples."""


def steps_before_selection(specs: Specs) -> list[Step]:
    """split, embed, label, and a step per scorer. They read `SOURCES`."""
    steps = [Step(spec=specs.split, rows=partial(given, SOURCES)), Step(spec=specs.embed, rows=_stills)]
    if specs.label:
        steps.append(Step(spec=specs.label, rows=_vectors))
    return steps + [Step(spec=spec, rows=partial(_clips, name)) for name, spec in specs.scores.items()]


def steps_after_selection(specs: Specs, max_overview_stills: int, measured: bool) -> list[Step]:
    """caption, overview and summarise. They read `SPANS`.

    `measured`: the summariser is given camera and motion.
    """
    steps = [Step(spec=specs.caption, rows=_captioned)]
    if specs.overview:
        steps.append(Step(spec=specs.overview, rows=partial(_described, max_overview_stills)))
    return [*steps, Step(spec=specs.summarise, rows=partial(_summarised, measured))]


def _stills(tables: Tables) -> pa.Table:
    return with_images(tables.of("stills", ["still_id", "clip_id"]))


def _vectors(tables: Tables) -> pa.Table:
    return tables.good("embeddings", ["still_id", "clip_id"])


def _clips(scorer: str, tables: Tables) -> pa.Table:
    clips: list[str] = tables.of("clips", ["clip_id"])["clip_id"].to_pylist()
    read = _vectors if scorer_class(scorer).reads == "vectors" else _stills
    references = group_references(read(tables), "clip_id", "still_id")
    return _with_references(clips, references)


def _with_references(clips: Sequence[str], references: Mapping[str, Sequence[Row]]) -> pa.Table:
    groups = [references.get(clip, []) for clip in clips]
    return pa.table(
        {
            "clip_id": pa.array(clips, pa.string()),
            "references": pa.array(groups, pa.list_(REFERENCE)),
            "keys": pa.array([keys_of(group) for group in groups], pa.list_(pa.string())),
        }
    )


def _captioned(tables: Tables) -> pa.Table:
    spans = tables.given[SPANS].to_pylist()
    labels = tables.of("labels").drop_columns([PART_COLUMN]) if "label" in tables.runs else None
    return caption_rows(spans, tables.of("clips"), with_images(tables.of("stills")), labels)


def _described(most: int, tables: Tables) -> pa.Table:
    spans = tables.given[SPANS].to_pylist()
    captioned = gather_said(spans, tables.of("frame_captions").to_pylist())
    chosen = [span for span in spans if span["sample_id"] in captioned]
    return overview_rows(chosen, with_images(tables.of("stills")), most)


def _summarised(measured: bool, tables: Tables) -> pa.Table:
    spans = tables.given[SPANS].to_pylist()
    captioned = gather_said(spans, tables.of("frame_captions").to_pylist())
    overviews = {}
    if "overview" in tables.runs:
        rows = tables.of("overviews").to_pylist()
        overviews = {row["sample_id"]: row["overview"] for row in rows if row["status"] == "ok"}
    return summary_rows(spans, captioned, tables.of("clips"), overviews, measured)

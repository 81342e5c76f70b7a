"""The two streams of a run: what is looked at in every source, and what is made of the clips that are kept.

Each step says how its input rows follow from the tables before it, for a group of sources or clips as for all of them.
Between the streams stands the selection, which needs all clips at once: percentiles and copies are of the whole.

    runs = engine.stream(steps_before_selection(specs), groups, {"sources": ...}, {})
"""

from collections.abc import Mapping, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import PART_COLUMN
from pipeline.dataset.references import REFERENCE, group_references, keys_of
from pipeline.dataset.stored_image import with_images
from pipeline.engine.groups import SlicedRows
from pipeline.engine.steps import Ahead, Step, Tables, given
from pipeline.stage import Row, StageSpec
from pipeline.stages.caption.rows import caption_rows, gather_said, overview_rows, summary_rows
from pipeline.stages.encode.rows import wanted_rows
from pipeline.stages.score.configured import scorer_class
from pipeline.stages.specs_of_run import Specs

SOURCES, SPANS, PACKED = "sources", "spans", "packed"
"""Tables given to streams: usable videos, the planned samples, and the samples in shards (`sample_id`, `pixels`)."""


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


def encode_ahead(spec: StageSpec, sources: SlicedRows, packed: SlicedRows) -> Ahead:
    """encode, right behind the captions, so that cores encode while an endpoint or a GPU describes."""
    return Ahead(Step(spec=spec, rows=partial(_encoded, spec.fingerprint)), {SOURCES: sources, PACKED: packed})


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


def _encoded(fingerprint: str, tables: Tables) -> pa.Table:
    """The samples with a caption whose media is in no shard, as far as the index knows."""
    spans, packed = tables.given[SPANS], tables.given[PACKED]
    captioned = tables.good("captions", ["sample_id"])["sample_id"].combine_chunks()
    rows = wanted_rows(
        spans.filter(pc.is_in(spans["sample_id"], value_set=captioned)),
        tables.of("clips"),
        tables.given[SOURCES],
        fingerprint,
    )
    known = packed["pixels"].take(pc.index_in(rows["sample_id"], value_set=packed["sample_id"].combine_chunks()))
    # Shards of an earlier version do not say what decided their pixels: packing finds out.
    unknown = packed.filter(pc.is_null(packed["pixels"]))["sample_id"].combine_chunks()
    held = pc.or_(pc.fill_null(pc.equal(known, rows["pixels"]), False), pc.is_in(rows["sample_id"], value_set=unknown))
    return rows.filter(pc.invert(held))

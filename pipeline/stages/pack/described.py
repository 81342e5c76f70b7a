"""Joins what is known of every sample with a caption: its span, its clip with all measures, its source and its words.

DuckDB joins the tables where they lie, and reads only what a query asks for. What changed since the last run is found
by hashes, which are made of each table by itself: no text and no signature goes through a join for that.

    inputs = inputs_of_samples(connection, tables, config, [specs.split.fingerprint])
    rows = described_samples(connection, tables, config)
    planned = plan_samples(with_texts(batch, specs.split.fingerprint), config, specs.encode.fingerprint)
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pipeline.measures.clips_table import CLIPS, MEASURE_COLUMNS
from pipeline.media.tracks import TRACK_COLUMNS
from pipeline.stages.pack.json_texts import named_objects, objects, strings
from pipeline.stages.pack.samples import DESCRIPTION_VERSION, JOINED_SCHEMA
from pipeline.stages.score.configured import measure_names
from pipeline.stages.select.measured import ScoreTable, measured_clips
from schemas.config import RunConfig
from schemas.ids import digest

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

_CLIP = (
    "video_id", "kind", "rotation", "mirrored", "width", "height", "crop_left", "crop_top", "crop_width",
    "crop_height", "start_time", "end_time",
)  # fmt: skip
_SOURCE = ("key", *TRACK_COLUMNS)
_FRAME = ("captioner", "model", "prompt_hash")
_WORDS = ("short", "medium", "dense", "fields", "tokens")
_LINEAGE = ("summariser", "model", "prompt_hash", "fallback", "budget", "token_counter")
FRAME_COLUMNS = ("still_id", *_FRAME, "status")
VIDEO_COLUMNS = ("video_id", "uri", "bytes", "version", *_SOURCE)
_TEXTS = (
    "captioner", "captioner_model", "caption_prompt_hash", "summariser", "summariser_model", "summary_prompt_hash",
    "fallback", "budget", "token_counter",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedTables:
    """The tables of a run after captioning: whole ones, or the columns named above."""

    spans: "Relation"
    clips: "Relation"
    scores: Sequence[ScoreTable]
    videos: "Relation"
    frames: "Relation"
    captions: "Relation"


def inputs_of_samples(
    connection: "Connection", tables: DescribedTables, config: RunConfig, fingerprints: Iterable[str]
) -> "Relation":
    """Of each sample with a good caption (`sample_id`) a hash of all that decides its pixels and its description.

    The hash (`inputs`) is also of the `fingerprints` of the stages that make them: where it is as before, so are they.
    Where a source was listed is no part of it.
    """
    from pipeline.dataset.query import stored

    context = [DESCRIPTION_VERSION, *fingerprints, config.pack.validation_share, duckdb.__version__]
    context.append(measure_names(config.score))
    spans = tables.spans.project("sample_id, clip_id, hash(bucket, start_time, stills) AS span_inputs")
    said = tables.captions.filter("status = 'ok'").project(
        f"sample_id, hash({', '.join([*_WORDS, *_LINEAGE])}) AS caption_inputs"
    )
    frames = _first_frames(connection, tables).project("sample_id, frame_inputs")
    videos = tables.videos.project(f"video_id, hash({', '.join(_SOURCE)}) AS video_inputs")
    measures = _measures(config)
    decisive = ", ".join(f'"{name}"' for name in dict.fromkeys([*_CLIP, *measures]))
    clips = _measured(tables, measures).project(f"clip_id, video_id, hash({decisive}) AS clip_inputs")
    # Stored one by one: DuckDB would join all columns first and make the hashes of the result.
    spans, said, frames, clips, videos = (stored(connection, rows) for rows in (spans, said, frames, clips, videos))
    joined = spans.join(said, "sample_id").join(frames, "sample_id").join(clips, "clip_id").join(videos, "video_id")
    inputs = ", ".join(f"{name}_inputs" for name in ("span", "caption", "frame", "clip", "video"))
    return stored(connection, joined.project(f"sample_id, hash('{digest('inputs', context)}', {inputs}) AS inputs"))


def described_samples(connection: "Connection", tables: DescribedTables, config: RunConfig) -> "Relation":
    """One row per sample with a good caption: the columns that `with_texts` reads."""
    spans = tables.spans.project("sample_id, clip_id, bucket, start_time, stills")
    captions = tables.captions.filter("status = 'ok'").project(
        f"sample_id, {', '.join(_WORDS)}, summariser, model AS summariser_model, prompt_hash AS summary_prompt_hash,"
        " fallback, budget, token_counter"
    )
    videos = tables.videos.project(
        f"video_id, key AS source, {', '.join(VIDEO_COLUMNS[1:4])}, {', '.join(TRACK_COLUMNS)}"
    )
    joined = (
        spans.join(captions, "sample_id")
        .join(_first_frames(connection, tables), "sample_id")
        .join(_clips(tables, config), "clip_id")
        .join(videos, "video_id")
    )
    columns = [name for name in JOINED_SCHEMA.names if name != "lineage"]
    return joined.project(", ".join([*columns, *_TEXTS]))


def with_texts(described: pa.Table, split: str) -> pa.Table:
    """A batch of described samples as JOINED_SCHEMA, with fields and lineage as JSON.

    `split` is the fingerprint of split.
    """
    told = [strings(described[name]) for name in _TEXTS]
    made_by = pa.array([json.dumps(split)] * len(described), pa.string())
    columns = {
        **{name: described[name] for name in JOINED_SCHEMA.names if name in described.column_names},
        "fields": named_objects(described["fields"]),
        "lineage": objects(["split", *_TEXTS], [made_by, *told]),
    }
    return pa.table({name: columns[name] for name in JOINED_SCHEMA.names}).cast(JOINED_SCHEMA)


def _first_frames(connection: "Connection", tables: DescribedTables) -> "Relation":
    """Of each sample who captioned the first of its stills that has a good caption."""
    spans, good = tables.spans, tables.frames.filter("status = 'ok'")
    makers = good.aggregate(", ".join(_FRAME)).order(", ".join(_FRAME)).fetchall()
    columns = {name: [maker[place] for maker in makers] for place, name in enumerate(_FRAME)}
    schema = pa.schema([("maker", pa.int32()), *((name, pa.string()) for name in _FRAME)])
    known = connection.from_arrow(pa.table({"maker": range(len(makers)), **columns}, schema=schema))
    told = known.project(
        "maker, captioner, model AS captioner_model, prompt_hash AS caption_prompt_hash,"
        f" hash({', '.join(_FRAME)}) AS frame_inputs"
    )
    if len(makers) == 1:  # then it does not matter which still comes first, and captions exist only of stills with one
        return spans.project("sample_id, 0::INTEGER AS maker").join(told, "maker")
    made = good.project(f"still_id, {', '.join(_FRAME)}").join(known, ", ".join(_FRAME)).project("still_id, maker")
    seen = spans.project(
        "sample_id, unnest(list_transform(stills, lambda still: still.still_id)) AS still_id,"
        " generate_subscripts(stills, 1) AS place"
    )
    first = seen.join(made, "still_id").aggregate("sample_id, arg_min(maker, place) AS maker", "sample_id")
    return first.join(told, "maker")


def _measures(config: RunConfig) -> list[str]:
    return list(dict.fromkeys([*MEASURE_COLUMNS, *measure_names(config.score)]))


def _measured(tables: DescribedTables, measures: Sequence[str]) -> "Relation":
    return measured_clips(tables.clips, tables.scores, list(dict.fromkeys([*_CLIP, *measures])))


def _clips(tables: DescribedTables, config: RunConfig) -> "Relation":
    """The clips with their place in the source, and their measures as a JSON text."""
    measures = _measures(config)
    texts = [_member(name, tables.clips, first=place == 0) for place, name in enumerate(measures)]
    named = {"start_time": "clip_start", "end_time": "clip_end"}
    places = ", ".join(f"{name} AS {named.get(name, name)}" for name in _CLIP)
    return _measured(tables, measures).project(f"clip_id, {places}, concat({', '.join(texts)}, '}}') AS scores")


def _member(name: str, clips: "Relation", first: bool) -> str:
    """SQL for a measure as a member of a JSON object, as Python writes it."""
    from pipeline.dataset.query import text

    before = text(("{" if first else ", ") + f"{json.dumps(name)}: ")
    kind = CLIPS.schema.field(name).type if name in CLIPS.names else pa.float64()
    if pa.types.is_string(kind):  # a class: one of few words
        words = [word for (word,) in clips.aggregate(f'"{name}"').fetchall() if word is not None]
        written = " ".join(f"WHEN {text(word)} THEN {text(json.dumps(word))}" for word in sorted(words))
        value = f'CASE "{name}" {written} END' if words else "NULL::VARCHAR"
    else:
        assert pa.types.is_float64(kind) or pa.types.is_int32(kind), f"{name} is {kind}"
        value = f'"{name}"::VARCHAR'
    return f"{before}, coalesce({value}, 'null')"

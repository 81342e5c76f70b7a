"""Samples joined row by row, as packing took them before DuckDB joined them: the reference for its tests.

table = joined_samples(spans, {sample_id: {**clip, **caption}})      # JOINED_SCHEMA, sorted by id
"""

import json
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from pipeline.measures.clips_table import MEASURE_COLUMNS
from pipeline.media.tracks import TRACK_COLUMNS
from pipeline.stage import Row
from pipeline.stages.pack.samples import JOINED_SCHEMA
from pipeline.stages.score.configured import measure_names
from schemas.config import ScoreConfig
from schemas.named_values import dict_of


def joined_samples(spans: Iterable[Row], described: Mapping[str, Row]) -> pa.Table:
    """One row per described sample. `described` holds, by sample id, its clip with its source and its words."""
    rows: list[Row] = []
    for span in sorted(spans, key=lambda span: span["sample_id"]):
        clip = described.get(span["sample_id"])
        if clip is not None:
            rows.append(
                {
                    **{name: clip.get(name) for name in JOINED_SCHEMA.names},
                    **{name: span[name] for name in ("sample_id", "clip_id", "bucket", "start_time", "stills")},
                    "clip_start": clip["start_time"],
                    "clip_end": clip["end_time"],
                }
            )
    return pa.Table.from_pylist(rows, schema=JOINED_SCHEMA)


def described_by_rows(
    spans: Sequence[Row],
    clips: Sequence[Row],
    scores: Sequence[Sequence[Row]],
    videos: Sequence[Row],
    frames: Sequence[Row],
    captions: Sequence[Row],
    config: ScoreConfig,
    split: str,
) -> dict[str, Row]:
    """The samples with a good caption, by id, from the rows of the tables."""
    measured = {clip["clip_id"]: dict(clip) for clip in clips}
    for table in scores:
        for score in table:
            if score["status"] == "ok":
                measured[score["clip_id"]].update(dict_of(score["measures"]))
    sources = {video["video_id"]: video for video in videos}
    good = {frame["still_id"]: frame for frame in frames if frame["status"] == "ok"}
    said = {span["sample_id"]: [good[s["still_id"]] for s in span["stills"] if s["still_id"] in good] for span in spans}
    names = [*MEASURE_COLUMNS, *measure_names(config)]
    described = {}
    for caption in captions:
        if caption["status"] == "ok":
            clip = measured[caption["clip_id"]]
            frame = said[caption["sample_id"]][0]
            described[caption["sample_id"]] = _described(clip, sources[clip["video_id"]], caption, frame, names, split)
    return described


def _described(clip: Row, video: Row, caption: Row, frame: Row, names: Sequence[str], split: str) -> Row:
    lineage = {
        "split": split,
        "captioner": frame["captioner"],
        "captioner_model": frame["model"],
        "caption_prompt_hash": frame["prompt_hash"],
        "summariser": caption["summariser"],
        "summariser_model": caption["model"],
        "summary_prompt_hash": caption["prompt_hash"],
        "fallback": caption["fallback"],
        "budget": caption["budget"],
        "token_counter": caption["token_counter"],
    }
    return {
        **clip,
        "source": video["key"],
        **{name: video[name] for name in ("uri", "bytes", "version", *TRACK_COLUMNS)},
        **{name: caption[name] for name in ("short", "medium", "dense", "tokens")},
        "fields": json.dumps(dict_of(caption["fields"])),
        "scores": json.dumps({name: clip.get(name) for name in names}),
        "lineage": json.dumps(lineage),
    }

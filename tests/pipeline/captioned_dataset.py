"""A dataset folder with the tables of a finished run, made without one: a clip of two samples, and one that failed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import Part
from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Output
from schemas.caption_tables import CAPTIONS, EMBEDDINGS, FRAME_CAPTIONS, LABELS
from schemas.contract import TableContract
from schemas.dataset_files import LEDGER_FILE, SPANS_FILE
from schemas.media_tables import VIDEOS
from schemas.outcome_tables import LEDGER, SAMPLE_SPANS

OK = {"status": "ok", "error": None, "attempts": 1}
TABLES: dict[str, tuple[str, TableContract, list[dict[str, Any]]]] = {
    "videos": ("ingest", VIDEOS, [{"object_id": "o", "video_id": "v", "key": "film.mp4", **OK}]),
    "clips": (
        "split",
        CLIPS,
        [
            {
                "clip_id": "v-0-4000",
                "video_id": "v",
                "start_time": 10.0,
                "duration": 8.0,
                "camera": "static",
                "motion": 2.0,
            },
            {
                "clip_id": "v-4-8000",
                "video_id": "v",
                "start_time": 14.0,
                "duration": 4.0,
                "camera": None,
                "motion": None,
            },
            {"clip_id": "v-9-9000", "video_id": "v"},
        ],
    ),
    "labels": (
        "label",
        LABELS,
        [{"still_id": "s0", "clip_id": "v-0-4000", "names": ["wolf"], "probabilities": [0.5], **OK}],
    ),
    "embeddings": (
        "embed",
        EMBEDDINGS,
        [{"still_id": "s0", "clip_id": "v-0-4000", "model": "m", "vector": [1.0, 2.0], **OK}],
    ),
    "frame_captions": (
        "caption",
        FRAME_CAPTIONS,
        [
            {
                "still_id": still,
                "clip_id": "v-0-4000",
                "time": time,
                "caption": text,
                "captioner": "facts",
                "model": "m1",
                "prompt_hash": "h1",
                **OK,
            }
            for still, time, text in (
                ("s1", 12.0, "A wolf turns."),
                ("s0", 10.5, "A wolf stands."),
                ("s2", 15.0, "A wolf runs."),
            )
        ],
    ),
    "captions": (
        "summarise",
        CAPTIONS,
        [
            {
                "sample_id": key,
                "clip_id": "v-0-4000",
                "short": "A wolf.",
                "medium": "A wolf stands.",
                "dense": dense,
                "summariser": "join",
                "model": "m2",
                "prompt_hash": "h2",
                "tokens": 7,
                "token_counter": "c",
                **OK,
            }
            for key, dense in (
                ("v-0-4000-b-0", "A wolf stands, then turns."),
                ("v-0-4000-b-1", "A wolf runs."),
                ("v-0-4000-older-0", "A wolf that no bucket holds any longer."),
            )
        ]
        + [
            {
                "sample_id": "v-4-8000-b-0",
                "clip_id": "v-4-8000",
                "status": "failed",
                "error": "no reply",
                "attempts": 2,
            }
        ],
    ),
}
TIMES = {"s0": 10.5, "s1": 12.0, "s2": 15.0, "s9": 9.5}
SPANS = [
    ("v-0-4000-b-0", "v-0-4000", 10.0, 14.0, ["s0", "s1"]),
    ("v-0-4000-b-1", "v-0-4000", 14.0, 18.0, ["s2"]),
    ("v-4-8000-b-0", "v-4-8000", 14.0, 16.0, []),
]


def make_captioned_dataset(folder: Path) -> Dataset:
    """Write the dataset into a folder."""
    dataset = Dataset(str(folder))
    for name, (_, contract, rows) in TABLES.items():
        output = Output(folder=name, contract=contract, parent=contract.key)
        dataset.write_part(output, "f", "part-0", filled(contract, rows))
        dataset.append_plan(output.folder, "f", [Part("part-0", ((rows[0][contract.key], "i"),))])
    write_spans(dataset, SPANS)
    ledger = [
        {"kind": "clip", "id": str(index), "source": "film.mp4", "state": "filtered", "reason": f"motion is {index}"}
        for index in range(8)
    ]
    dataset.write_table(LEDGER_FILE, LEDGER, filled(LEDGER, ledger))
    stages = {stage: {"fingerprint": "f"} for stage, _, _ in TABLES.values()}
    dataset.write_record({"stages": stages, "config": {"summarise": {"token_budget": 5}}})
    return dataset


def write_spans(dataset: Dataset, spans: Sequence[tuple[str, str, float, float, list[str]]]) -> None:
    """The plan of samples: sample, clip, start, end, and the ids of the stills inside."""
    rows = [
        {
            "sample_id": key, "clip_id": clip, "bucket": "384x256x17@8", "start_time": start, "end_time": end,
            "stills": [{"still_id": still, "time": TIMES[still], "hash": 1} for still in stills],
        }
        for key, clip, start, end, stills in spans
    ]  # fmt: skip
    dataset.write_table(SPANS_FILE, SAMPLE_SPANS, filled(SAMPLE_SPANS, rows))


def filled(contract: TableContract, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A table of the contract whose columns hold what rows say, and plain values where they say nothing."""

    def plain(column: Any, row: Mapping[str, Any]) -> Any:
        if column.optional or row.get("status") == "failed":
            return None
        if pa.types.is_list(column.type) or pa.types.is_map(column.type):
            return []
        if pa.types.is_boolean(column.type):
            return False
        if pa.types.is_binary(column.type):
            return b""
        return "" if pa.types.is_string(column.type) else 1

    whole = [{column.name: row.get(column.name, plain(column, row)) for column in contract.columns} for row in rows]
    return contract.table(whole)

"""A dataset folder is read into caption records, with what is missing left empty, and reported on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from captioning.quality.judge import Settings
from pipeline.dataset import Dataset
from pipeline.plan import Part
from pipeline.quality import read_funnel, read_records, report_of
from pipeline.sample_spans import SPANS_FILE
from pipeline.stage import Output
from pipeline.verify import LEDGER_FILE
from schemas.caption_tables import CAPTIONS, EMBEDDINGS, FRAME_CAPTIONS, LABELS
from schemas.contract import TableContract
from schemas.errors import ContractError, DatasetError
from schemas.media_tables import CLIPS, VIDEOS
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
SPANS = [
    ("v-0-4000-b-0", "v-0-4000", 10.0, 14.0, ["s0", "s1"]),
    ("v-0-4000-b-1", "v-0-4000", 14.0, 18.0, ["s2"]),
    ("v-4-8000-b-0", "v-4-8000", 14.0, 16.0, []),
]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """A folder with the tables of a finished run: a clip of two samples, and one whose captioning failed."""
    found = Dataset(str(tmp_path / "films"))
    for folder, (_, contract, rows) in TABLES.items():
        output = Output(folder=folder, contract=contract, parent=contract.key)
        found.write_part(output, "f", "part-0", filled(contract, rows))
        found.append_plan(output, "f", [Part("part-0", ((rows[0][contract.key], "i"),))])
    write_spans(found, SPANS)
    ledger = [
        {"kind": "clip", "id": str(place), "source": "film.mp4", "state": "filtered", "reason": f"motion is {place}"}
        for place in range(8)
    ]
    found.write_table(LEDGER_FILE, LEDGER, filled(LEDGER, ledger))
    stages = {stage: {"fingerprint": "f"} for stage, _, _ in TABLES.values()}
    found.write_record({"stages": stages, "config": {"summarise": {"token_budget": 5}}})
    return found


def write_spans(dataset: Dataset, spans: Sequence[tuple[str, str, float, float, list[str]]]) -> None:
    rows = [
        {
            "sample_id": key, "clip_id": clip, "bucket": "384x256x17@8", "start_time": start, "end_time": end,
            "stills": [{"still_id": still, "time": start, "hash": 1} for still in stills],
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


def test_records(dataset: Dataset) -> None:
    first, second, third = read_records(dataset)
    assert (first.sample_id, first.source, first.bucket, first.camera, first.duration) == (
        "v-0-4000-b-0",
        "film.mp4",
        "384x256x17@8",
        "static",
        4.0,
    )
    assert (first.dense, first.tokens, first.prompt_hashes) == ("A wolf stands, then turns.", 7, ("h1", "h2"))
    assert (first.frames[0].labels, first.frames[0].vector) == ((("wolf", 0.5),), (1.0, 2.0))
    assert (first.frames[1].labels, first.frames[1].vector) == ((), ())
    assert second.dense == "A wolf runs."
    assert (third.dense, third.error, third.frames) == ("", "no reply", ())


def test_a_samples_evidence_is_what_lies_in_its_span_told_from_its_start(dataset: Dataset) -> None:
    first, second, _ = read_records(dataset)
    assert [(frame.still_id, frame.time, frame.text) for frame in first.frames] == [
        ("s0", 0.5, "A wolf stands."),
        ("s1", 2.0, "A wolf turns."),
    ]
    assert [(frame.still_id, frame.time, frame.text) for frame in second.frames] == [("s2", 1.0, "A wolf runs.")]


def test_a_sample_without_any_frame_caption_has_the_reason_of_the_ledger(dataset: Dataset) -> None:
    write_spans(dataset, [*SPANS, ("v-9-9000-b-0", "v-9-9000", 9.0, 11.0, ["s9"])])
    told = [{"kind": "sample", "id": "v-9-9000-b-0", "state": "failed", "reason": "cut off"}]
    dataset.write_table(LEDGER_FILE, LEDGER, filled(LEDGER, told))
    errors = {record.sample_id: record.error for record in read_records(dataset)}
    assert errors == {
        "v-0-4000-b-0": None,
        "v-0-4000-b-1": None,
        "v-4-8000-b-0": "no reply",
        "v-9-9000-b-0": "cut off",
    }


def test_a_report(dataset: Dataset) -> None:
    report = report_of(dataset, Settings())
    values = {measure.name: measure.value for measure in report.measures["all"]}
    assert report.dataset == "films"
    assert (values["empty"], values["error"], values["over_budget"]) == pytest.approx((1 / 3, 1 / 3, 1.0))
    assert report.models["summariser"] == "join: m2"
    assert report.worst[0] == "v-4-8000-b-0"


def test_a_dataset_of_captions_by_clip_is_refused_with_the_command(dataset: Dataset) -> None:
    """As runs before version 3 of `summarise` left them: no spans, and captions keyed by their clip."""
    dataset.store.remove(SPANS_FILE)
    with pytest.raises(DatasetError, match=r"sample_spans\.parquet is not there; `just curate` writes it"):
        read_records(dataset)
    old = pa.table({"clip_id": ["v-0-4000"], "dense": ["A wolf stands."], "status": ["ok"]})
    key = dataset.part_key(Output(folder="captions", contract=CAPTIONS, parent="sample_id"), "f", "part-0")
    pq.write_table(old, dataset.store.path(key))
    with pytest.raises(ContractError, match=r"missing columns .*sample_id.*the same `just curate` writes it anew"):
        read_records(dataset)


def test_the_funnel_gathers_rare_reasons(dataset: Dataset) -> None:
    steps = read_funnel(dataset)
    assert sum(step.count for step in steps) == 8
    assert (steps[-1].reason, steps[-1].count) == ("other reasons", 3)


def test_a_folder_without_captions_is_refused(tmp_path: Path) -> None:
    empty = Dataset(str(tmp_path))
    with pytest.raises(DatasetError, match="no dataset"):
        report_of(empty, Settings())
    empty.write_record({"stages": {}, "config": {}})
    empty.write_table(LEDGER_FILE, LEDGER, LEDGER.empty())
    with pytest.raises(DatasetError, match="holds no captions"):
        report_of(empty, Settings())

"""A dataset folder is read into caption records, with what is missing left empty, and reported on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from captioning.quality.judge import Settings
from pipeline.dataset import Dataset
from pipeline.history import SELECTION_FILE
from pipeline.plan import Part
from pipeline.quality import read_funnel, read_records, report_of
from pipeline.stage import Output
from pipeline.verify import INDEX, LEDGER_FILE
from schemas.caption_tables import CAPTIONS, EMBEDDINGS, FRAME_CAPTIONS, LABELS
from schemas.contract import TableContract
from schemas.errors import DatasetError
from schemas.media_tables import CLIPS, VIDEOS
from schemas.outcome_tables import LEDGER, SAMPLES, SELECTION

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
                "duration": 4.0,
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
            for still, time, text in (("s1", 12.0, "A wolf turns."), ("s0", 10.5, "A wolf stands."))
        ],
    ),
    "captions": (
        "summarise",
        CAPTIONS,
        [
            {
                "clip_id": "v-0-4000",
                "short": "A wolf.",
                "medium": "A wolf stands.",
                "dense": "A wolf stands, then turns.",
                "summariser": "join",
                "model": "m2",
                "prompt_hash": "h2",
                "tokens": 7,
                "token_counter": "c",
                **OK,
            },
            {"clip_id": "v-4-8000", "status": "failed", "error": "no reply", "attempts": 2},
        ],
    ),
}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """A folder with the tables of a finished run: one captioned clip and one whose captioning failed."""
    found = Dataset(str(tmp_path / "films"))
    for folder, (_, contract, rows) in TABLES.items():
        output = Output(folder=folder, contract=contract, parent=contract.key)
        found.write_part(output, "f", "part-0", filled(contract, rows))
        found.append_plan(output, "f", [Part("part-0", ((rows[0][contract.key], "i"),))])
    found.write_table(
        SELECTION_FILE,
        SELECTION,
        filled(
            SELECTION,
            [
                {"clip_id": clip, "state": state}
                for clip, state in (("v-0-4000", "kept"), ("v-4-8000", "failed"), ("v-9-9000", "filtered"))
            ],
        ),
    )
    found.write_table(
        INDEX, SAMPLES, filled(SAMPLES, [{"sample_id": "x", "clip_id": "v-0-4000", "bucket": "384x256x17@8", **OK}])
    )
    ledger = [
        {"kind": "clip", "id": str(place), "source": "film.mp4", "state": "filtered", "reason": f"motion is {place}"}
        for place in range(8)
    ]
    found.write_table(LEDGER_FILE, LEDGER, filled(LEDGER, ledger))
    stages = {stage: {"fingerprint": "f"} for stage, _, _ in TABLES.values()}
    found.write_record({"stages": stages, "config": {"summarise": {"token_budget": 5}}})
    return found


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
    first, second = read_records(dataset)
    assert (first.clip_id, first.source, first.buckets, first.camera) == (
        "v-0-4000",
        "film.mp4",
        ("384x256x17@8",),
        "static",
    )
    assert (first.dense, first.tokens, first.prompt_hashes) == ("A wolf stands, then turns.", 7, ("h1", "h2"))
    assert [(frame.still_id, frame.time, frame.text) for frame in first.frames] == [
        ("s0", 0.5, "A wolf stands."),
        ("s1", 2.0, "A wolf turns."),
    ]
    assert (first.frames[0].labels, first.frames[0].vector) == ((("wolf", 0.5),), (1.0, 2.0))
    assert (first.frames[1].labels, first.frames[1].vector) == ((), ())
    assert (second.dense, second.error, second.frames) == ("", "no reply", ())


def test_a_clip_without_any_frame_caption_has_the_reason_of_the_ledger(dataset: Dataset) -> None:
    rows = [{"clip_id": clip, "state": "kept"} for clip in ("v-0-4000", "v-4-8000", "v-9-9000")]
    dataset.write_table(SELECTION_FILE, SELECTION, filled(SELECTION, rows))
    told = [{"kind": "clip", "id": "v-9-9000", "state": "failed", "reason": "cut off"}]
    dataset.write_table(LEDGER_FILE, LEDGER, filled(LEDGER, told))
    errors = {record.clip_id: record.error for record in read_records(dataset)}
    assert errors == {"v-0-4000": None, "v-4-8000": "no reply", "v-9-9000": "cut off"}


def test_a_report(dataset: Dataset) -> None:
    report = report_of(dataset, Settings())
    values = {measure.name: measure.value for measure in report.measures["all"]}
    assert report.dataset == "films"
    assert (values["empty"], values["error"], values["over_budget"]) == (0.5, 0.5, 1.0)
    assert report.models["summariser"] == "join: m2"
    assert report.worst[0] == "v-4-8000"


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

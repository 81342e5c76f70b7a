"""A dataset folder is read into caption records, with what is missing left empty, and reported on."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from captioning.quality.judge import Settings
from pipeline.dataset.folder import Dataset
from pipeline.readers.caption_records import read_records
from pipeline.readers.quality import read_funnel, report_of
from pipeline.stage import Output
from schemas.caption_tables import CAPTIONS
from schemas.dataset_files import LEDGER_FILE, SPANS_FILE
from schemas.errors import ContractError, DatasetError
from schemas.outcome_tables import LEDGER
from tests.pipeline.captioned_dataset import SPANS, filled, make_captioned_dataset, write_spans


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return make_captioned_dataset(tmp_path / "films")


def test_records(dataset: Dataset) -> None:
    first, second, third = read_records(dataset)[0]
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
    first, second, _ = read_records(dataset)[0]
    assert [(frame.still_id, frame.time, frame.text) for frame in first.frames] == [
        ("s0", 0.5, "A wolf stands."),
        ("s1", 2.0, "A wolf turns."),
    ]
    assert [(frame.still_id, frame.time, frame.text) for frame in second.frames] == [("s2", 1.0, "A wolf runs.")]


def test_a_sample_without_any_frame_caption_has_the_reason_of_the_ledger(dataset: Dataset) -> None:
    write_spans(dataset, [*SPANS, ("v-9-9000-b-0", "v-9-9000", 9.0, 11.0, ["s9"])])
    ledger_rows = [{"kind": "sample", "id": "v-9-9000-b-0", "state": "failed", "reason": "cut off"}]
    dataset.write_table(LEDGER_FILE, LEDGER, filled(LEDGER, ledger_rows))
    errors = {record.sample_id: record.error for record in read_records(dataset)[0]}
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


def test_a_report_on_some_samples_says_so_and_measures_the_same_ones_again(dataset: Dataset) -> None:
    report = report_of(dataset, Settings(), most=2)
    measured = [view.record.sample_id for view in report.samples]
    assert len(measured) == 2
    assert any(note.startswith("2 of 3 samples were measured") for note in report.notes)
    assert [view.record.sample_id for view in report_of(dataset, Settings(), most=2).samples] == measured
    assert not any("were measured" in note for note in report_of(dataset, Settings(), most=3).notes)
    said = {record.sample_id: record.dense for record in read_records(dataset)[0]}
    assert [view.record.dense for view in report.samples] == [said[key] for key in measured]


def test_a_dataset_of_captions_by_clip_is_refused_with_the_command(dataset: Dataset) -> None:
    """As runs before version 3 of `summarise` left them: no spans, and captions keyed by their clip."""
    dataset.store.remove(SPANS_FILE)
    with pytest.raises(DatasetError, match=r"sample_spans\.parquet is missing; `just curate` writes it"):
        read_records(dataset)
    old = pa.table({"clip_id": ["v-0-4000"], "dense": ["A wolf stands."], "status": ["ok"]})
    key = dataset.part_key(Output(folder="captions", contract=CAPTIONS, parent="sample_id"), "f", "part-0")
    pq.write_table(old, dataset.store.path(key))
    with pytest.raises(ContractError, match=r"missing columns .*sample_id.*the same `just curate` makes it again"):
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

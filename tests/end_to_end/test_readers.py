"""Every reader that our neighbours use opens a small dataset; `test_demo.py` gives them the whole demo.

python -m pytest tests/end_to_end/test_readers.py
"""

from pathlib import Path

import pytest

from pipeline.dataset.card import write_card
from pipeline.dataset.energon import write_energon
from pipeline.dataset.folder import Dataset
from pipeline.dataset.query import querying
from pipeline.stage import Output
from schemas.caption_tables import SCORES
from schemas.config import RunConfig
from schemas.named_values import list_of
from tests.end_to_end import readers
from tests.pipeline.packed_dataset import CLIPS, IMAGES, pack_dataset

SCORED = Output(folder="scores/beauty", contract=SCORES, parent="clip_id")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset, samples = pack_dataset(tmp_path_factory.mktemp("readers"))
    with querying(dataset.store) as connection:
        relation = connection.from_arrow(samples)
        write_card(dataset, RunConfig(), {"scores/beauty": "f"}, relation, {})
        write_energon(dataset, relation)
    _write_scores(dataset)
    return Path(dataset.store.uri)


def _write_scores(dataset: Dataset) -> None:
    """Two parts, one of which has measured nothing: the types must come from the schema."""
    known = {"scorer": "beauty", "attempts": 1}
    measured = {"clip_id": "a", **known, "measures": list_of({"aesthetic": 4.5}), "status": "ok", "error": None}
    failed = {"clip_id": "b", **known, "measures": None, "status": "failed", "error": "no picture"}
    for number, row in enumerate((measured, failed)):
        dataset.write_part(SCORED, "f", f"part-{number}", SCORES.table([row]))


def test_tables_open_by_their_folder(folder: Path) -> None:
    expected = readers.rows_of_parts(folder)
    assert expected["scores/beauty/f"] == 2
    assert {name.split("/")[0]: rows for name, rows in expected.items()} == {
        "scores": 2, "encoded": 7, "encoded_media": 7,
    }  # fmt: skip
    assert readers.read_with_pyarrow(folder) == expected
    assert readers.read_with_pandas(folder) == expected


@pytest.mark.slow
def test_tables_open_in_polars_and_duckdb(folder: Path) -> None:
    expected = readers.rows_of_parts(folder)
    assert readers.read_with_polars(folder) == readers.read_with_duckdb(folder) == expected


def test_webdataset_reads_every_sample(folder: Path) -> None:
    samples = readers.read_with_webdataset(folder)
    assert sorted(map(sorted, samples.values())) == [["json", "mp4", "txt"]] * 6 + [["json", "png", "txt"]]


@pytest.mark.slow
def test_hugging_face_datasets_reads_every_name_and_table(folder: Path, tmp_path: Path) -> None:
    names = {"video_samples": 6, "image_samples": 1, CLIPS: 6, IMAGES: 1}
    assert readers.read_with_datasets(folder, tmp_path) == names | readers.rows_of_parts(folder)
    assert sorted(readers.read_as_finetrainers(folder)) == ["colour 0", "colour 1", "colour 2"]
    scores = [description["scores"] for description in readers.read_mixed_with_datasets(folder)]
    assert sorted(score["motion"] for score in scores) == [-1.0] + [1.5] * 6


@pytest.mark.slow
def test_energon_loads_and_lints_it_without_a_cooker(folder: Path) -> None:
    assert sorted(readers.read_with_energon(folder, "train")) == ["a texture", "colour 0", "colour 1", "colour 2"]
    assert len(readers.read_with_energon(folder, "train", split_config=f"{CLIPS}.yaml")) == 3
    assert "Skipping empty split part test" in readers.lint_with_energon(folder)

"""A dataset by its name: found if it exists, else the error lists the existing ones.

python -m pytest tests/pipeline/storage/test_named.py
"""

from pathlib import Path

import pytest

from pipeline.storage.named import find_dataset
from schemas.errors import DatasetError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("datasets/footage", "datasets/films", "mine"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text("{}")
    (tmp_path / "films").mkdir()  # the bucket
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/set/", "s3://bucket/set"),
        ("footage", "datasets/footage"),
        ("films", "datasets/films"),  # not the bucket of the same name
        ("datasets/films/", "datasets/films"),
        ("mine", "mine"),
        ("./films", "films"),  # what is there is opened; what it lacks is said by who opens it
    ],
)
def test_a_name_is_a_folder_or_one_in_datasets(here: Path, text: str, expected: str) -> None:
    assert find_dataset(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nope", "there is no dataset nope and no datasets/nope in .*; there are datasets/films, datasets/footage$"),
        ("demo", "there is no dataset datasets/demo in "),
        ("fotage", r"did you mean datasets/footage\?"),
        ("datasets/fotage", r"no dataset datasets/fotage in .*; did you mean datasets/footage\?"),
    ],
)
def test_a_name_that_leads_nowhere_is_answered_with_those_that_do(here: Path, text: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        find_dataset(text)


def test_where_there_is_none_at_all_it_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=r"none in datasets either; `just curate <bucket>` makes one"):
        find_dataset("nope")

"""Stills and samples by id.

python -m pytest tests/pipeline/readers/test_showing.py
"""

from pathlib import Path

import pytest

from pipeline.readers.showing import Samples, Stills
from tests.pipeline.shown_dataset import FILM, SAMPLE_IDS, STILL_IDS, make_shown_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    make_shown_dataset(folder)
    return folder


def test_each_still_comes_by_its_own_id(folder: Path) -> None:
    stills = Stills(make_shown_dataset(folder))
    first, second = (stills(still_id) for still_id in STILL_IDS)
    assert first is not None
    assert second is not None
    assert first.startswith(b"\xff\xd8")
    assert first != second


def test_each_sample_is_read_from_its_own_place_in_the_shard(folder: Path) -> None:
    samples = Samples(make_shown_dataset(folder))
    for sample in SAMPLE_IDS:
        media = samples(sample)
        assert media is not None
        assert (media.type, media.content) == ("video/mp4", sample.encode() + FILM)


@pytest.mark.parametrize("key", ["", "../run.json", "v-0-2000", "/etc/passwd", "v-0-2000-s00"])
def test_what_is_no_id_shows_nothing(folder: Path, key: str) -> None:
    dataset = make_shown_dataset(folder)
    assert Stills(dataset)(key) is None
    assert Samples(dataset)(key) is None

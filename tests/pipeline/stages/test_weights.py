from pathlib import Path

import pytest

from pipeline.stages.weights import revision
from schemas.errors import StageError


def test_revision_follows_the_bytes_not_the_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first, second = tmp_path / "head.pth", tmp_path / "a" / "head.pth"
    first.write_bytes(b"one")
    second.write_bytes(b"one")
    assert revision(first) == revision(second)
    second.write_bytes(b"two")
    assert revision(first) != revision(second)
    assert revision(first).startswith("head.pth@")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"absent\.pth"):
        revision(tmp_path / "absent.pth")

"""`just export-clips`: what it prints, and what it refuses before it writes.

python -m pytest tests/pipeline/commands/test_export_clips.py
"""

import re
import sys
from pathlib import Path

import pytest

from pipeline.commands import export_clips
from pipeline.readers.export.layouts import LAYOUTS
from schemas.command import exit_code_of
from tests.pipeline.readers.export.made_dataset import FILMS, make_dataset

PAGE = (Path(__file__).parents[3] / "docs" / "export.md").read_text()


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["export-clips", *arguments])
    return exit_code_of(export_clips.main)


def test_it_counts_what_it_did_and_says_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_dataset(tmp_path / "dataset")
    where = (str(tmp_path / "dataset"), str(tmp_path / "out"))
    assert _run(monkeypatch, *where, "--as", "prompts.txt") == 0
    output = capsys.readouterr()
    assert "4 clips as prompts.txt" in output.out
    assert re.search(r"train +160x96x17@8 +2\n", output.out)
    assert re.search(r"val +96x160x17@7\.5 +1\n", output.out)
    assert "4 copied, 0 were there, 0 removed" in output.out
    assert "left out: 1 images" in output.err
    assert "several shapes together" in output.err
    assert _run(monkeypatch, *where, "--as", "prompts.txt", "--bucket", "160x96x33@8") == 0
    output = capsys.readouterr()
    assert "0 copied, 1 were there, 3 removed" in output.out
    assert "several shapes" not in output.err


def test_readers_that_take_shapes_apart_are_told_nothing_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_dataset(tmp_path / "dataset")
    assert _run(monkeypatch, str(tmp_path / "dataset"), str(tmp_path / "out"), "--as", "videos+txt") == 0
    output = capsys.readouterr()
    assert f"{len(FILMS)} clips as videos+txt" in output.out
    assert output.err == ""


@pytest.mark.parametrize(
    ("folder", "dataset", "words"),
    [("s3://bucket/out", "dataset", "no folder on this machine"), ("out", "nowhere", "just curate")],
)
def test_what_cannot_be_exported_ends_with_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: str,
    dataset: str,
    words: str,
) -> None:
    make_dataset(tmp_path / "dataset")
    monkeypatch.chdir(tmp_path)
    assert _run(monkeypatch, dataset, folder, "--as", "prompts.txt") == 2
    error_text = capsys.readouterr().err.strip()
    assert words in error_text
    assert "\n" not in error_text
    assert not (tmp_path / "out").exists()


def test_every_layout_is_described_with_its_readers() -> None:
    for layout in LAYOUTS.values():
        assert f"## {layout.name}\n" in PAGE
        assert f"| `{layout.name}` | {layout.readers} |" in PAGE

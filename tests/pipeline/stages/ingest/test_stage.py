"""Ingest: what is listed, what is refused with which message, and the row of an unusable file.

python -m pytest tests/pipeline/stages/ingest/test_stage.py
"""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.dataset.query import querying
from pipeline.stage import Row, run_rows
from pipeline.stages.ingest.stage import Probe, find_identical, list_bucket
from pipeline.storage.store import Store
from schemas.config import IngestConfig
from schemas.errors import InputError
from schemas.media_tables import VIDEOS
from tests.films import make_film, shots


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    folder = tmp_path / "footage"
    (folder / "deep").mkdir(parents=True)
    for name in ("b.mp4", "a.mp4", "deep/c.mp4", "notes.txt", ".hidden", "deep/.cache"):
        (folder / name).write_text(name)
    return folder


def _keys(bucket: Path, config: IngestConfig | None = None) -> list[str]:
    keys: list[str] = list_bucket(str(bucket), config or IngestConfig())["key"].to_pylist()
    return keys


def _videos(bucket: Path) -> pa.Table:
    """Ingest as the engine does it, without the engine."""
    rows = list_bucket(str(bucket), IngestConfig()).to_pylist()
    done: list[Row] = []
    for row, outcome in zip(rows, run_rows(Probe(), rows, "object_id", 1), strict=True):
        values = outcome.result.values or {}
        if outcome.result.error is None:
            done.append({**values, "status": "ok", "error": None, "attempts": 1})
        else:
            done.append(VIDEOS.failed_row(outcome.result.key, outcome.result.error, 1, {**row, **values}))
    return VIDEOS.table(done)


def test_objects_are_listed_in_key_order_without_hidden_ones(bucket: Path) -> None:
    assert _keys(bucket) == ["a.mp4", "b.mp4", "deep/c.mp4", "notes.txt"]


def test_exclude_and_limit_cut_the_list(bucket: Path) -> None:
    assert _keys(bucket, IngestConfig(exclude=["*.txt", "deep/*"])) == ["a.mp4", "b.mp4"]
    assert _keys(bucket, IngestConfig(exclude=["a*"], limit=2)) == ["b.mp4", "deep/c.mp4"]


def test_ids_do_not_depend_on_where_the_bucket_is(bucket: Path, tmp_path: Path) -> None:
    before = _videos(bucket)["video_id"].to_pylist()
    rows = list_bucket(str(bucket.rename(tmp_path / "moved")), IngestConfig()).to_pylist()
    after = [(outcome.result.values or {})["video_id"] for outcome in run_rows(Probe(), rows, "object_id", 1)]
    assert after == before
    assert len(set(after)) == 4


def _missing(folder: Path) -> str:
    return str(folder.parent / "footag")


def _empty(folder: Path) -> str:
    (folder.parent / "empty").mkdir()
    return str(folder.parent / "empty")


def _single(folder: Path) -> str:
    return str(folder / "a.mp4")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (_missing, "does not exist; did you mean 'footage'"),
        (_empty, "is empty: nothing to curate"),
        (_single, "is a single file: give its folder"),
    ],
)
def test_a_bucket_that_is_no_use_is_refused_with_the_fix(name: Callable[[Path], str], words: str, bucket: Path) -> None:
    with pytest.raises(InputError) as caught:
        list_bucket(name(bucket), IngestConfig())
    assert words in str(caught.value)


def test_a_dead_line_of_a_list_is_a_failed_row(bucket: Path) -> None:
    (bucket / "list.txt").write_text(f"{bucket}/a.mp4\n{bucket}/none.mp4\n")
    rows = list_bucket(str(bucket / "list.txt"), IngestConfig()).to_pylist()
    errors = {outcome.result.key: outcome.result.error for outcome in run_rows(Probe(), rows, "object_id", 1)}
    assert "not found" not in str(errors[rows[0]["object_id"]])
    assert "not found" in str(errors[rows[1]["object_id"]])


def test_excluding_everything_names_the_setting(bucket: Path) -> None:
    with pytest.raises(InputError, match=r"ingest.exclude = \['\*'\] leaves none of 4 objects"):
        _keys(bucket, IngestConfig(exclude=["*"]))


def test_a_bucket_that_may_not_be_read_is_refused(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(InputError, match="no permission to list it"):
        _keys(bucket)


def test_a_text_file_lists_uris_once_each(bucket: Path) -> None:
    lines = ["# what we shot", f"{bucket}/b.mp4", "", f"  {bucket}/a.mp4 ", f"{bucket}/b.mp4"]
    (bucket / "list.txt").write_text("\n".join(lines))
    assert _keys(bucket / "list.txt") == [f"{bucket}/a.mp4", f"{bucket}/b.mp4"]


def test_a_name_that_is_no_text_fails_alone(bucket: Path) -> None:
    Path(os.fsdecode(os.fsencode(bucket) + b"/caf\xe9.mp4")).write_bytes(b"x")
    videos = {row["key"]: row for row in _videos(bucket).to_pylist()}
    assert len(videos) == 5
    assert "not UTF-8" in videos["caf\\xe9.mp4"]["error"]


def test_a_good_video_becomes_a_row_with_all_that_was_found(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([24], (96, 64)))
    (row,) = _videos(tmp_path).to_pylist()
    assert (row["status"], row["frames"], row["width"], row["key"]) == ("ok", 24, 96, "film.mp4")


def test_useless_files_keep_their_ids_key_and_size(bucket: Path) -> None:
    (bucket / "zero.mp4").touch()
    (bucket / "gone.mp4").symlink_to(bucket / "nowhere")
    videos = {row["key"]: row for row in _videos(bucket).to_pylist()}
    assert {row["status"] for row in videos.values()} == {"failed"}
    assert videos["zero.mp4"]["error"] == "empty file (0 bytes)"
    assert (videos["a.mp4"]["bytes"], len(videos["a.mp4"]["video_id"])) == (5, 16)
    gone = videos["gone.mp4"]
    assert "broken link" in gone["error"]
    assert gone["video_id"] is None
    assert len({row["video_id"] or row["object_id"] for row in videos.values()}) == 6


def test_a_file_that_may_not_be_read_says_so(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("pipeline.storage.store.os.open", refuse)
    assert set(_videos(bucket)["error"].to_pylist()) == {"no permission to read it"}


def test_pipes_sockets_and_devices_are_rows_that_are_never_opened(
    bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bucket)  # a socket's path may have 107 bytes
    os.mkfifo("pipe.mp4")
    (bucket / "terminal.mp4").symlink_to("/dev/tty")
    (bucket / "folder.mp4").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.mp4")
        videos = {row["key"]: row for row in _videos(bucket).to_pylist()}
    assert videos["pipe.mp4"]["error"] == "named pipe: only regular files are opened"
    assert videos["socket.mp4"]["error"] == "socket: only regular files are opened"
    assert videos["terminal.mp4"]["error"] == "device: only regular files are opened"
    assert "folder.mp4" not in videos
    assert len({row["video_id"] or row["object_id"] for row in videos.values()}) == len(videos) == 7


def test_a_pipe_that_takes_a_files_place_after_the_listing_does_not_block(bucket: Path) -> None:
    rows = list_bucket(str(bucket), IngestConfig()).to_pylist()
    (bucket / "a.mp4").unlink()
    os.mkfifo(bucket / "a.mp4")
    (outcome,) = run_rows(Probe(), rows[:1], "object_id", 1)
    assert outcome.result.error == "named pipe: only regular files are opened"


def test_the_same_bytes_twice_are_told_by_the_first_key(tmp_path: Path) -> None:
    make_film(tmp_path / "b.mp4", shots([24], (96, 64)))
    (tmp_path / "a.mp4").write_bytes((tmp_path / "b.mp4").read_bytes())
    make_film(tmp_path / "c.mp4", shots([24], (96, 64), seed=9))
    (tmp_path / "d.txt").write_text("same")
    (tmp_path / "e.txt").write_text("same")
    videos = _videos(tmp_path)
    ids = dict(zip(videos["key"].to_pylist(), videos["video_id"].to_pylist(), strict=True))
    with querying(Store(tmp_path)) as connection:
        pairs = find_identical(connection.from_arrow(videos)).project("id, duplicate_of").fetchall()
    assert pairs == [(ids["b.mp4"], ids["a.mp4"])]  # what could not be read is failed, not a duplicate

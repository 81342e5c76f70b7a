"""Files in a folder or in memory: complete or absent, links followed, errors that name the fix.

python -m pytest tests/pipeline/storage/test_store.py
"""

import errno
import os
import pickle
import uuid
from pathlib import Path

import pytest

from pipeline.storage.store import TEMPORARY, Store, open_source
from schemas.errors import DatasetError, InputError

KEYS = (
    "a::b.mp4", "zip::c.mp4", "memory://x::d.mp4", "simplecache::s3://b/e.mp4", "deep/f#g.mp4", "h?i=1.mp4", "100%.mp4",
    "%20.mp4", "a%2Fb.mp4", "[j]*{k}.mp4", "l m.mp4", "n\no.mp4", "\u00e9\u4e2d\U0001f3ac.mp4", "p@q:r.mp4", "~s.mp4",
    "t\tu'v\".mp4", "w?X-Amz-Signature=1.mp4", "x+y&z=.mp4",
)  # fmt: skip


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path if request.param == "folder" else f"memory://{uuid.uuid4().hex}/set")


def test_what_is_written_is_read_listed_and_removed(store: Store) -> None:
    store.write("a/one.bin", b"one")
    store.write("two.bin", b"two!")
    assert (store.read("a/one.bin"), store.stat("two.bin").size) == (b"one", 4)
    assert [(file.key, file.size) for file in store.list()] == [("a/one.bin", 3), ("two.bin", 4)]
    assert [file.key for file in store.list("a")] == ["a/one.bin"]
    store.remove("a/one.bin")
    store.remove("a/one.bin")
    assert not store.exists("a/one.bin")
    assert [file.key for file in store.list()] == ["two.bin"]


def test_uris_of_listed_files_can_be_opened(store: Store) -> None:
    store.write("a/one.bin", b"one")
    with open_source(store.list()[0].uri) as file:
        assert file.read() == b"one"


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_only_a_name(key: str, store: Store) -> None:
    if store.is_local:
        key = key.replace("//", "/")  # no folder has an empty name
    store.write(key, key.encode())
    (listed,) = store.list()
    assert (listed.key, store.read(key), store.exists(key)) == (key, key.encode(), True)
    with open_source(listed.uri) as file:
        assert file.read() == key.encode()
    assert store.stat(key).version == listed.version
    store.remove(key)
    assert store.list() == []


@pytest.mark.parametrize("name", ["a::b", "zip::c", "d#e?f%20", "g h"])
def test_a_folder_is_only_a_name(name: str, tmp_path: Path) -> None:
    for address in (f"{tmp_path}/{name}", f"memory://{uuid.uuid4().hex}/{name}"):
        Store(address).write("one.bin", b"one")
        (listed,) = Store(address).list()
        with open_source(listed.uri) as file:
            assert (listed.key, file.read()) == ("one.bin", b"one")


def test_a_scheme_that_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match="nosuch"):
        Store("nosuch://bucket/raw")


def test_a_store_travels_to_workers_by_its_uri(store: Store) -> None:
    store.write("one.bin", b"one")
    assert pickle.loads(pickle.dumps(store)).read("one.bin") == b"one"


def test_a_folder_that_is_not_there_lists_nothing_and_reads_raise(store: Store) -> None:
    assert store.list("none") == []
    with pytest.raises(FileNotFoundError):
        store.read("none")


def break_off(store: Store, key: str) -> None:
    """Fail in the middle of a write."""
    with store.writing(key) as file:
        file.write(b"half of the ne")
        raise KeyError


def test_an_error_in_the_block_leaves_the_old_content_and_no_rest(store: Store) -> None:
    store.write("one.bin", b"old")
    with pytest.raises(KeyError):
        break_off(store, "one.bin")
    assert store.read("one.bin") == b"old"
    assert [file.key for file in store.list()] == ["one.bin"]


def test_nothing_is_there_before_the_block_ends(store: Store) -> None:
    with store.writing("one.bin") as file:
        file.write(b"one")
        assert not store.exists("one.bin")
    assert store.read("one.bin") == b"one"


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in (f"{TEMPORARY}1-a.bin", f"deep/{TEMPORARY}2-b.bin", "a.bin", "deep/b.bin"):
        (tmp_path / name).touch()
    assert Store(tmp_path).remove_temporary() == 2
    assert [file.key for file in Store(tmp_path).list()] == ["a.bin", "deep/b.bin"]


def test_temporary_files_are_those_that_are_removed(tmp_path: Path) -> None:
    with Store(tmp_path).writing("a/one.bin"):
        assert Store(tmp_path).remove_temporary() == 1
        (tmp_path / "a").joinpath(f"{TEMPORARY}{os.getpid()}-one.bin").touch()  # so that the block can end


def test_links_are_followed_and_broken_ones_are_listed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "bucket", tmp_path / "elsewhere"
    inside.mkdir()
    outside.mkdir()
    (outside / "film.mp4").write_bytes(b"film")
    (inside / "linked").symlink_to(outside)
    (inside / "broken.mp4").symlink_to(tmp_path / "nowhere")
    files = {file.key: (file.size, file.version == "missing") for file in Store(inside).list()}
    assert files == {"linked/film.mp4": (4, False), "broken.mp4": (0, True)}


def test_a_link_to_a_folder_above_does_not_go_round(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "film.mp4").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert [file.key for file in Store(tmp_path).list()] == ["a/film.mp4"]


def test_a_changed_file_has_another_version(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    before = Store(tmp_path).list()[0].version
    os.utime(tmp_path / "film.mp4", ns=(0, 12345))
    assert Store(tmp_path).list()[0].version == "12345" != before


@pytest.mark.parametrize("key", ["file/one.bin", "file/deeper/one.bin"])
def test_a_path_below_a_file_is_refused_with_the_fix(key: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match=r"cannot write .*one.bin: .*is a file, not a folder.*--out"):
        Store(tmp_path).write(key, b"one")


def test_a_folder_in_the_files_place_is_refused_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "one.bin").mkdir()
    with pytest.raises(DatasetError, match="there is a folder of this name"):
        Store(tmp_path).write("one.bin", b"one")


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "permission"),
        (errno.EROFS, "read-only"),
    ],
)
def test_refusals_of_the_system_name_path_and_fix_and_keep_the_old_content(
    number: int, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    store = Store(tmp_path)
    store.write("one.bin", b"old")
    monkeypatch.setattr("pipeline.storage.store.os.fsync", refuse)
    with pytest.raises(DatasetError, match=rf"cannot write {tmp_path}/one.bin: .*{fix}"):
        store.write("one.bin", b"new")
    assert [(file.key, store.read(file.key)) for file in store.list()] == [("one.bin", b"old")]


def test_an_error_of_another_kind_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="input/output") as caught, Store(tmp_path).writing("one.bin"):
        raise OSError(errno.EIO, "input/output error")
    assert not isinstance(caught.value, DatasetError)


def test_local_uris_and_paths_are_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Store("set").uri == Store(f"file://{tmp_path}/set").uri == str(tmp_path / "set")
    assert Store("memory://set/").uri == "memory://set"

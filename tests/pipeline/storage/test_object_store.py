"""An object store gives the same guarantees: S3, served from memory by a server on this machine.

python -m pytest tests/pipeline/storage/test_object_store.py
"""

import errno
import gc
import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3fs

from pipeline.dataset.folder import Dataset
from pipeline.stages.ingest.stage import Probe, list_bucket
from pipeline.stages.split.stage import Split
from pipeline.storage.store import Store, open_source
from schemas.config import IngestConfig, SplitConfig
from schemas.errors import DatasetError, InputError
from tests.films import make_film, shots
from tests.object_store import s3_server
from tests.pipeline.storage.test_store import KEYS, break_off


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server("footage") as uri:
        yield uri


def test_what_is_written_is_read_listed_and_removed(bucket: str) -> None:
    store = Store(f"{bucket}/first")
    assert store.list() == []
    store.write("a/one.bin", b"one")
    store.write("two.bin", b"two!")
    assert [(file.key, file.size, file.uri) for file in store.list()] == [
        ("a/one.bin", 3, "s3://footage/first/a/one.bin"),
        ("two.bin", 4, "s3://footage/first/two.bin"),
    ]
    assert store.read("a/one.bin") == b"one"
    store.remove("a/one.bin")
    assert not store.exists("a/one.bin")


def test_etags_identify_the_content(bucket: str) -> None:
    store = Store(f"{bucket}/etags")
    store.write("one.bin", b"one")
    (listed,) = store.list()
    assert listed.etag == listed.version == hashlib.md5(b"one").hexdigest()
    assert store.stat("one.bin").etag == listed.etag


def test_a_write_that_fails_leaves_nothing(bucket: str) -> None:
    store = Store(f"{bucket}/failing")
    with pytest.raises(KeyError):
        break_off(store, "one.bin")
    assert store.list() == []


def test_an_upload_that_fails_midway_leaves_the_old_content_and_no_parts(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(f"{bucket}/midway")
    store.write("one.bin", b"old")
    sent = []
    call = s3fs.S3FileSystem.call_s3

    def fail(self: s3fs.S3FileSystem, method: str, *arguments: Any, **keywords: Any) -> Any:
        sent.append(method)
        if sent.count("upload_part") == 2:
            raise OSError(errno.ECONNRESET, "connection reset")
        return call(self, method, *arguments, **keywords)

    with monkeypatch.context() as broken:
        broken.setattr(s3fs.S3FileSystem, "call_s3", fail)
        with pytest.raises(
            DatasetError, match=r"cannot write s3://footage/midway/one.bin: the upload failed \(.*reset"
        ):
            store.write("one.bin", bytes(120 << 20))
    assert sent == ["create_multipart_upload", "upload_part", "upload_part"]
    assert [(file.key, file.size) for file in Store(f"{bucket}/midway").list()] == [("one.bin", 3)]
    assert "Uploads" not in boto3.client("s3").list_multipart_uploads(Bucket="footage")
    gc.collect()  # a file object that is dropped may close itself, and with it upload
    assert store.read("one.bin") == b"old"


@pytest.mark.parametrize("method", ["put_object", "complete_multipart_upload"])
def test_an_upload_that_fails_at_its_end_leaves_nothing(
    method: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, call = Store(f"{bucket}/{method}"), s3fs.S3FileSystem.call_s3

    def fail(self: s3fs.S3FileSystem, name: str, *arguments: Any, **keywords: Any) -> Any:
        if name == method:
            raise PermissionError(errno.EACCES, "Access Denied")
        return call(self, name, *arguments, **keywords)

    with monkeypatch.context() as broken:
        broken.setattr(s3fs.S3FileSystem, "call_s3", fail)
        with pytest.raises(DatasetError, match="the upload failed"):
            store.write("one.bin", bytes(60 << 20) if method.startswith("complete") else b"one")
    gc.collect()
    assert Store(f"{bucket}/{method}").list() == []
    assert "Uploads" not in boto3.client("s3").list_multipart_uploads(Bucket="footage")


def test_a_full_temporary_folder_is_named_and_nothing_is_uploaded(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(f"{bucket}/full")
    full = partial(Path.open, Path("/dev/full"), "w+b", buffering=0)
    monkeypatch.setattr("pipeline.storage.upload.tempfile.TemporaryFile", full)
    with pytest.raises(DatasetError, match=r"the temporary folder /\S+ is full: s3://footage/full/one.bin .* TMPDIR"):
        store.write("one.bin", b"one")
    assert store.list() == []


@pytest.mark.parametrize("key", [key for key in KEYS if "\n" not in key])  # which the test's server cannot hold
def test_a_key_is_only_a_name(key: str, bucket: str) -> None:
    store = Store(f"{bucket}/names")
    boto3.client("s3").put_object(Bucket="footage", Key=f"names/{key}", Body=key.encode())
    listed = {file.key: file for file in store.list()}
    assert key in listed
    with open_source(listed[key].uri) as file:
        assert file.read() == key.encode()
    assert store.read(key) == key.encode()
    assert store.stat(key).etag == listed[key].etag
    store.remove(key)
    assert not store.exists(key)


def test_another_writers_files_are_seen(bucket: str) -> None:
    reader, writer = Store(f"{bucket}/shared"), Store(f"{bucket}/shared")
    assert reader.list() == []
    writer.write("one.bin", b"one")
    assert [file.key for file in reader.list()] == ["one.bin"]
    assert reader.exists("one.bin")


def test_a_bucket_is_listed_probed_and_split_in_place(bucket: str, tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([60], (96, 64)))
    store = Store(f"{bucket}/raw")
    store.write("b/film.mp4", (tmp_path / "film.mp4").read_bytes())
    store.write("a.mp4", b"")
    objects = list_bucket(f"{bucket}/raw", IngestConfig())
    assert objects["key"].to_pylist() == ["a.mp4", "b/film.mp4"]
    empty, video = (Probe().process(row) for row in objects.to_pylist())
    assert "0 bytes" in str(empty.error)
    assert video.values is not None
    assert video.values["identity"] == objects["etag"].to_pylist()[1]
    assert video.values["frames"] == 60
    split = Split(SplitConfig(detector="adaptive"), 1).process(video.values)
    assert split.counters["decoded_frames"] == 60
    assert len(split.others["clips"]) == 1


def test_a_bucket_without_objects_is_refused(bucket: str) -> None:
    with pytest.raises(InputError, match="does not exist"):
        list_bucket(f"{bucket}/nothing-here", IngestConfig())
    with pytest.raises(InputError, match=r"s3://no-such-bucket"):
        list_bucket("s3://no-such-bucket", IngestConfig())


def test_a_record_is_kept_in_the_store(bucket: str) -> None:
    dataset = Dataset(f"{bucket}/set")
    dataset.write_record({"rows": 3})
    assert Dataset(f"{bucket}/set").read_record() == {"rows": 3}

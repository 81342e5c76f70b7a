"""What is read from an object store over a bad network is complete, or an error; it is never a part."""

from collections.abc import Iterator

import pytest

from pipeline.storage.store import Store, open_source
from tests.faulty_store import faults
from tests.object_store import s3_server

DATA = bytes(range(256)) * 4000


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server("footage") as uri:
        store = Store(f"{uri}/set")
        store.write("a/one.bin", DATA)
        store.write("empty.bin", b"")
        yield uri


@pytest.mark.parametrize("fault", ["refused", "cut", "shortened", "slow"])
def test_what_is_read_is_whole(bucket: str, fault: str) -> None:
    shares = {"refused": 0.0, "cut": 0.0, "shortened": 0.0, "slow": 0.0} | {fault: 0.12}
    with faults(7, **shares) as proxy:
        store = Store(f"{bucket}/set")
        for number in range(3):
            assert store.read("a/one.bin") == DATA
            assert store.read_range("a/one.bin", 1000, 5000) == DATA[1000:5000]
            assert [file.key for file in store.list()] == ["a/one.bin", "empty.bin"]
            assert store.exists("a/one.bin")
            assert store.read("empty.bin") == b""
            with open_source(f"{bucket}/set/a/one.bin") as file:
                assert file.read(1 << 20) == DATA[: 1 << 20]
            with open_source(f"{bucket}/set/a/one.bin") as file:
                file.seek(700_000)
                assert file.read() == DATA[700_000:]
            store.write(f"b/{number}.bin", DATA)
            assert store.stat(f"b/{number}.bin").size == len(DATA)
            store.remove(f"b/{number}.bin")
            assert not store.exists(f"b/{number}.bin")
    assert proxy.counts[fault] > 0

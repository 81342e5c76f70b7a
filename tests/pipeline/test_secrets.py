"""A list of signed addresses through ingest on Ray: read with their signatures, which are stored nowhere.

python -m pytest tests/pipeline/test_secrets.py
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pytest

from pipeline.dataset.folder import Dataset
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.stages.ingest.stage import list_bucket
from pipeline.stages.specs_of_run import make_specs
from schemas.config import EngineConfig, IngestConfig, RunConfig
from schemas.errors import InputError
from tests.file_server import file_server
from tests.films import make_film, shots

FIRST, SECOND = "f1rstS1gnature/0123456789", "s3condS1gnature+9876543210"
CONFIG = RunConfig(ingest=IngestConfig(videos_per_part=2))


def _list(folder: Path, base: str, signature: str) -> str:
    quoted = signature.replace("/", "%2F").replace("+", "%2B")
    lines = [f"{base}/{name}?X-Amz-Expires=60&X-Amz-Signature={quoted}" for name in ("a.mp4", "b%20c.mp4", "none.mp4")]
    (folder / "list.txt").write_text("\n".join(lines))
    return str(folder / "list.txt")


def _run(cluster: Cluster, folder: Path, bucket: str) -> tuple[list[dict[str, object]], int]:
    dataset = Dataset(str(folder / "set"))
    engine = Engine(dataset, EngineConfig(), cluster)
    videos = engine.run(make_specs(CONFIG, dataset.store.address).ingest, list_bucket(bucket, CONFIG.ingest)).primary
    return videos.to_pylist(), engine.records["ingest"].computed


def _logs_of_ray() -> Iterator[str]:
    import ray

    folder = Path(cast(Any, ray)._private.worker.global_worker.node.get_logs_dir_path())
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    yield from (path.read_text(errors="replace") for path in files)


def test_signatures_read_and_are_written_nowhere_and_a_new_one_computes_nothing(
    cluster: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raw").mkdir()
    make_film(tmp_path / "raw" / "a.mp4", shots([24], (96, 64)))
    make_film(tmp_path / "raw" / "b c.mp4", shots([24], (96, 64), seed=5))
    with file_server(tmp_path / "raw", keys := {FIRST}) as base:
        videos, computed = _run(cluster, tmp_path, _list(tmp_path, base, FIRST))
        assert computed == 3
        keys.clear()
        keys.add(SECOND)
        again, computed = _run(cluster, tmp_path, _list(tmp_path, base, SECOND))
    assert {row["key"]: row["status"] for row in videos} == {
        f"{base}/a.mp4": "ok",
        f"{base}/b%20c.mp4": "ok",
        f"{base}/none.mp4": "failed",
    }
    assert [row["uri"] for row in videos] == [row["key"] for row in videos]
    assert (again, computed) == (videos, 0)
    tables = [pq.read_table(path).to_pylist() for path in (tmp_path / "set").rglob("*.parquet")]
    assert len(tables) == 3  # two parts and their plan
    output = "".join(capfd.readouterr()) + "".join(_logs_of_ray())
    for secret in ("f1rstS1gnature", "s3condS1gnature", "X-Amz-Signature"):
        assert secret not in str(tables)
        assert secret not in output


def test_two_objects_that_only_a_secret_tells_apart_are_refused_by_their_lines(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.mp4").write_bytes(b"a")
    with file_server(tmp_path / "raw", {FIRST}) as base:
        quoted = FIRST.replace("/", "%2F")
        lines = ["# ours", f"{base}/a.mp4?X-Amz-Signature={quoted}&clip=1", "", f"{base}/a.mp4?clip=2"]
        (tmp_path / "list.txt").write_text("\n".join(lines))
        with pytest.raises(InputError, match="lines 2 and 4 are two objects of one name") as caught:
            list_bucket(str(tmp_path / "list.txt"), IngestConfig())
    assert "f1rst" not in str(caught.value)


@pytest.mark.parametrize(
    "bucket", ["nosuch://user:pa55word@h/raw", "http://user:pa55word@127.0.0.1:9/raw?X-Amz-Signature=pa55word"]
)
def test_a_bucket_that_cannot_be_listed_says_so_without_its_password(bucket: str) -> None:
    with pytest.raises(InputError) as caught:
        list_bucket(bucket, IngestConfig())
    assert "pa55word" not in str(caught.value)
    assert "/raw" in str(caught.value)

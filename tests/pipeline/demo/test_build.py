"""The demo bucket as a folder: complete or absent, built once, never over other files.

python -m pytest tests/pipeline/demo
"""

from pathlib import Path

import av
import pytest

from pipeline.demo import build
from pipeline.demo.editing import DemoVideo, Shot
from pipeline.demo.scenes import Rendered
from pipeline.demo.videos import EMPTY
from schemas.errors import InputError

SHORT = DemoVideo(key="short.mp4", width=384, height=256, fps=12, shots=(Shot(Rendered("snow"), 0.5),))


@pytest.fixture
def short_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "VIDEOS", (SHORT,))
    monkeypatch.setattr(build, "EXACT_COPIES", {"copy.mp4": SHORT.key})
    monkeypatch.setattr(build, "TRUNCATED", {"half.mp4": SHORT.key})


@pytest.mark.usefixtures("short_list")
def test_builds_everything_once(tmp_path: Path) -> None:
    bucket = tmp_path / "demo"
    build.build_demo_bucket(bucket)
    files = {path.relative_to(bucket).as_posix(): path for path in bucket.rglob("*") if path.is_file()}
    assert files["copy.mp4"].read_bytes() == files[SHORT.key].read_bytes()
    assert files[EMPTY].stat().st_size == 0
    with pytest.raises(av.error.InvalidDataError):
        av.open(files["half.mp4"])
    with av.open(files["sound/sound-only.mp4"]) as container:
        assert [stream.type for stream in container.streams] == ["audio"]
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]  # no temporary folder is left behind

    before = files[SHORT.key].stat().st_mtime_ns
    build.build_demo_bucket(bucket)
    assert files[SHORT.key].stat().st_mtime_ns == before


def test_does_not_replace_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("do not lose me")
    with pytest.raises(InputError, match="delete it or name another"):
        build.build_demo_bucket(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "do not lose me"

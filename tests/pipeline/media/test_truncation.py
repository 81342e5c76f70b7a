"""Truncation: frames hidden by an edit list or held by empty chunks are no damage; missing data are.

python -m pytest tests/pipeline/media/test_truncation.py
"""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import pytest

from pipeline.media.decode import Decoder
from pipeline.media.probe import MediaInfo, probe
from pipeline.media.truncation import missing_bytes
from schemas.errors import MediaError
from tests.films import make_film, shots, to_yuv


def _probe(path: Path) -> MediaInfo:
    return probe(str(path), path.stat().st_size)


def trim(path: Path, first: int, count: int, fps: int = 24) -> None:
    """Make the edit list of an MP4 with a track timescale of 512 units a frame show `count` frames from `first` on."""
    data = bytearray(path.read_bytes())
    position = data.index(b"elst") + 12
    scale = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    struct.pack_into(
        ">Ii", data, position, count * scale // fps, struct.unpack_from(">i", data, position + 4)[0] + first * 512
    )
    path.write_bytes(data)


def test_a_trimmed_video_is_what_its_edit_list_shows(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    make_film(path, shots([240], (96, 64)))
    with Decoder(str(path)) as decoder:
        whole = [timed.frame.to_ndarray() for timed in decoder.frames()]
    trim(path, first=96, count=72)
    facts = _probe(path)
    assert facts.frames == 72
    assert facts.duration == pytest.approx(3.0)
    with Decoder(str(path), facts.track) as decoder:
        shown = list(decoder.frames())
    assert len(shown) == 72
    assert (shown[0].frame.to_ndarray() == whole[96]).all()
    assert (shown[-1].frame.to_ndarray() == whole[167]).all()


def test_empty_chunks_hold_the_frame_before_them(tmp_path: Path) -> None:
    times = [index / 24 for index in range(120) if index % 5 not in (2, 3)]
    with av.open(tmp_path / "held.avi", "w") as container:
        stream = cast(Any, container.add_stream("mpeg4", rate=24))
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.max_b_frames = 96, 64, "yuv420p", 0
        for time, image in zip(times, shots([len(times)], (96, 64)), strict=True):
            frame = to_yuv(image)
            frame.pts, frame.time_base = round(time * 24), Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    facts = _probe(tmp_path / "held.avi")
    assert facts.frames == 72
    assert facts.duration == pytest.approx(5.0, abs=0.01)
    with Decoder(str(tmp_path / "held.avi"), facts.track) as decoder:
        assert [timed.time for timed in decoder.frames()] == pytest.approx(times, abs=0.001)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("film.mkv", 0.5),
        ("film.mkv", 0.9),
        ("film.avi", 0.5),
        ("film.avi", 0.9),
        ("early.mp4", 0.6),
        ("early.mp4", 0.95),
    ],
)
def test_what_is_cut_off_is_refused(name: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / name
    codec, options = ("mpeg4", {}) if name.endswith("avi") else ("libx264", {"movflags": "+faststart"})
    make_film(path, shots([240], (192, 128)), codec=codec, container_options=options if "mp4" in name else {})
    assert _probe(path).frames == 240
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(MediaError, match="truncated"):
        _probe(path)


def test_an_index_that_was_lost_behind_the_last_frame_is_no_truncation(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    make_film(path, shots([240], (192, 128)))
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\x1c\x53\xbb\x6b") + 8])  # Matroska's Cues
    with path.open("rb") as file:
        assert missing_bytes(file, path.stat().st_size) > 0
    assert _probe(path).frames == 240


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi", "film.ts", "film.webm"])
def test_nothing_is_missing_from_a_whole_video(name: str, tmp_path: Path) -> None:
    codec = {"webm": "libvpx", "avi": "mpeg4"}.get(name.rsplit(".", 1)[1], "libx264")
    make_film(tmp_path / name, shots([30], (96, 64)), codec=codec)
    with (tmp_path / name).open("rb") as file:
        assert missing_bytes(file, (tmp_path / name).stat().st_size) == 0

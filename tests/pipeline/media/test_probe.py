"""Probing: the facts of a good file, and a one-sentence reason for every kind of bad one.

python -m pytest tests/pipeline/media/test_probe.py
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.media.probe import MediaInfo, probe
from schemas.errors import MediaError
from tests.films import make_film, make_sound, shots, texture


def _probe(path: Path) -> MediaInfo:
    return probe(str(path), path.stat().st_size)


def test_a_good_video_is_described_as_it_was_written(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([36], (192, 128)))
    info = _probe(tmp_path / "film.mp4")
    assert (info.kind, info.codec, info.pixel_format) == ("video", "h264", "yuv420p")
    assert (info.width, info.height, info.rotation, info.sample_aspect) == (192, 128, 0, 1.0)
    assert (info.frames, info.start_time, info.variable_rate) == (36, 0.0, False)
    assert info.duration == pytest.approx(1.5)
    assert info.average_fps == pytest.approx(24)
    assert info.nominal_fps == pytest.approx(24)
    assert (info.color_range, info.color_space, info.color_primaries) == ("limited", "1", "1")
    assert (info.color_transfer, info.audio) == ("sdr", False)


def test_untagged_colours_are_called_unspecified(tmp_path: Path) -> None:
    make_film(tmp_path / "film.avi", shots([6], (96, 64)), codec="mpeg4", tagged=False)
    assert _probe(tmp_path / "film.avi").color_transfer == "unspecified"


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_turns_the_displayed_size(turn: int, tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([6], (192, 128)), rotation=turn)
    info = _probe(tmp_path / "film.mp4")
    assert info.rotation == turn
    assert (info.coded_width, info.coded_height) == (192, 128)
    assert (info.width, info.height) == ((192, 128) if turn == 180 else (128, 192))


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.mov"])
def test_a_late_start_is_kept_and_is_no_truncation(name: str, tmp_path: Path) -> None:
    make_film(tmp_path / name, shots([36], (96, 64)), start=2.5)
    info = _probe(tmp_path / name)
    assert info.start_time == pytest.approx(2.5, abs=0.001)
    assert info.duration == pytest.approx(1.5, abs=0.002)
    assert info.frames == 36


def test_variable_rate_is_told_from_the_rounding_of_timestamps(tmp_path: Path) -> None:
    images = shots([60], (96, 64))
    make_film(tmp_path / "even.mkv", images, fps=30)
    make_film(tmp_path / "uneven.mkv", images, times=[index / 24 + 0.012 * (index % 3) for index in range(60)])
    make_film(tmp_path / "glitch.mkv", images, times=[index / 24 + 0.02 * (index == 30) for index in range(60)])
    assert not _probe(tmp_path / "even.mkv").variable_rate
    assert _probe(tmp_path / "uneven.mkv").variable_rate
    assert not _probe(tmp_path / "glitch.mkv").variable_rate


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    with pytest.raises(MediaError, match="0 bytes"):
        _probe(tmp_path / "film.mp4")


@pytest.mark.parametrize("name", ["notes.txt", "notes.mp4"])
def test_a_text_file_is_not_a_video(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("Remember to buy a camera.\n" * 50)
    with pytest.raises(MediaError, match=r"text file|not a media file"):
        _probe(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("late_index.mp4", {}, "index \\(moov\\) is missing"),
        ("early_index.mp4", {"movflags": "+faststart"}, "truncated: its index lists 72 frames"),
        ("film.mkv", {}, "truncated: .* bytes are missing at its end; it declares 3.0 s"),
    ],
)
def test_half_a_video_is_called_truncated(name: str, options: dict[str, str], reason: str, tmp_path: Path) -> None:
    make_film(tmp_path / name, shots([36, 36], (192, 128)), container_options=options)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match=reason):
        _probe(tmp_path / name)


def test_sound_without_an_image_is_called_audio_only(tmp_path: Path) -> None:
    make_sound(tmp_path / "tone.m4a")
    with pytest.raises(MediaError, match="audio only"):
        _probe(tmp_path / "tone.m4a")


def test_a_raw_stream_is_refused_with_the_fix(tmp_path: Path) -> None:
    make_film(tmp_path / "film.h264", shots([12], (96, 64)))
    with pytest.raises(MediaError, match=r"without a container.*wrap it"):
        _probe(tmp_path / "film.h264")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_turned_image_has_its_displayed_size(suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(texture(1, 60, 40)).save(tmp_path / f"still.{suffix}", exif=exif)
    info = _probe(tmp_path / f"still.{suffix}")
    assert (info.kind, info.frames, info.duration) == ("image", 1, 0.0)
    assert (info.coded_width, info.coded_height) == (60, 40)
    assert (info.width, info.height) == (40, 60)


def test_an_image_that_breaks_off_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.asarray(texture(1))).save(tmp_path / "still.jpg")
    data = (tmp_path / "still.jpg").read_bytes()
    (tmp_path / "still.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match="image that cannot be decoded"):
        _probe(tmp_path / "still.jpg")


def test_a_video_whose_transparency_would_be_lost_is_refused(tmp_path: Path) -> None:
    make_film(tmp_path / "film.webm", shots([12], (96, 64)), codec="libvpx-vp9", metadata={"alpha_mode": "1"})
    with pytest.raises(MediaError, match="transparency that is not applied"):
        _probe(tmp_path / "film.webm")

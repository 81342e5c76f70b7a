"""Which stream is the video: the default one, else the largest; never a cover image or a single frame.

python -m pytest tests/pipeline/media/test_tracks.py
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import pytest
from av.stream import Disposition

from pipeline.media.decode import Decoder
from pipeline.media.probe import probe
from schemas.errors import MediaError
from tests.films import make_sound, shots, to_yuv

FPS = 25
# A track's size, its number of frames, and its disposition.
Track = tuple[tuple[int, int], int, Disposition]
_PLAIN, _DEFAULT, _COVER = Disposition(0), Disposition.default, Disposition.attached_pic


def write_tracks(path: Path, tracks: Sequence[Track]) -> None:
    """A file of several video tracks."""
    with av.open(path, "w") as container:
        streams = []
        for size, _, marked in tracks:
            stream = cast(Any, container.add_stream("libx264", rate=FPS))
            stream.width, stream.height = size
            stream.pix_fmt, stream.disposition = "yuv420p", marked
            streams.append(stream)
        for stream, (size, count, _) in zip(streams, tracks, strict=True):
            for number, image in enumerate(shots([count], size)):
                frame = to_yuv(image)
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("tracks", "chosen"),
    [
        ([((48, 32), 30, _PLAIN), ((96, 64), 30, _DEFAULT)], 1),
        ([((96, 64), 30, _PLAIN), ((48, 32), 30, _DEFAULT)], 1),
        ([((48, 32), 30, _DEFAULT), ((96, 64), 30, _DEFAULT)], 1),
        ([((96, 64), 1, _DEFAULT), ((48, 32), 30, _PLAIN)], 1),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_video_is_the_default_track_else_the_largest(
    tracks: list[Track], chosen: int, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"film.{suffix}"
    write_tracks(path, tracks)
    facts = probe(str(path), path.stat().st_size)
    assert (facts.stream, facts.width, facts.frames) == (chosen, tracks[chosen][0][0], tracks[chosen][1])
    with Decoder(str(path), facts.track) as decoder:
        assert [timed.frame.width for timed in decoder.frames()] == [facts.width] * facts.frames


def test_another_track_that_is_longer_is_no_truncation(tmp_path: Path) -> None:
    write_tracks(tmp_path / "film.mkv", [((96, 64), 50, _DEFAULT), ((48, 32), 500, _PLAIN)])
    facts = probe(str(tmp_path / "film.mkv"), (tmp_path / "film.mkv").stat().st_size)
    assert facts.width == 96
    assert facts.duration == pytest.approx(2.0, abs=0.01)


def test_a_single_frame_is_not_a_video(tmp_path: Path) -> None:
    write_tracks(tmp_path / "film.mp4", [((96, 64), 1, _DEFAULT)])
    with pytest.raises(MediaError, match="a single frame, not a video"):
        probe(str(tmp_path / "film.mp4"), 1)


def test_sound_with_a_cover_image_is_audio_only(tmp_path: Path) -> None:
    make_sound(tmp_path / "tone.m4a")
    with av.open(tmp_path / "tone.m4a") as source, av.open(tmp_path / "song.mp4", "w") as target:
        copied = target.add_stream_from_template(source.streams.audio[0])
        cover = cast(Any, target.add_stream("mjpeg", rate=1))
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 96, 64, "yuvj420p", _COVER
        target.mux(cover.encode(to_yuv(shots([1], (96, 64))[0], full=True, pixel_format="yuvj420p")))
        target.mux(cover.encode(None))
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = copied
                target.mux(packet)
    with pytest.raises(MediaError, match="audio only"):
        probe(str(tmp_path / "song.mp4"), 1)

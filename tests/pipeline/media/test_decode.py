"""Decoding: all frames with their real times; a span equals the slice of the whole video, in every container.

python -m pytest tests/pipeline/media/test_decode.py
"""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.measures.combing import CombMeter
from pipeline.media.decode import Decoder
from pipeline.media.fields import compare_fields, luma_lines
from pipeline.media.probe import probe
from schemas.errors import MediaError
from tests.films import make_film, make_sound, shots
from tests.interlaced_films import scanned, write_film

SPANS = ((0, 8), (5, 20), (13, 40), (30, 45), (31, 60), (59, 60))
VARIABLE = [index / 24 + 0.008 * (index * 7 % 5) for index in range(60)]


def _whole(path: Path) -> list[tuple[float, NDArray[np.generic]]]:
    with Decoder(str(path)) as decoder:
        return [(timed.time, timed.frame.to_ndarray()) for timed in decoder.frames()]


def _span(path: Path, start: float, end: float) -> list[tuple[float, NDArray[np.generic]]]:
    with Decoder(str(path)) as decoder:
        return [(timed.time, timed.frame.to_ndarray()) for timed in decoder.span(start, end)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("intra.mp4", {"key_interval": 1, "b_frames": 0}),
        ("b_frames.mp4", {"key_interval": 12, "b_frames": 3}),
        ("one_key_frame.mp4", {"key_interval": 600}),
        ("late.mp4", {"start": 1.5}),
        ("late.mkv", {"start": 1.5}),
        ("variable.mp4", {"times": VARIABLE}),
        ("variable.mkv", {"times": VARIABLE}),
        ("open_group.mkv", {"options": {"x264-params": "open-gop=1"}}),
        ("old.avi", {"codec": "mpeg4"}),
        ("coded_order.avi", {"b_frames": 2}),
        ("broadcast.ts", {}),
    ],
)
def test_a_span_is_the_slice_of_the_whole_video(name: str, options: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / name
    make_film(path, shots([20, 20, 20], (96, 64)), **options)  # type: ignore[arg-type]
    whole = _whole(path)
    assert len(whole) == 60
    edges = [time for time, _ in whole] + [whole[-1][0] + 1]
    for first, last in SPANS:
        frames = _span(path, edges[first], edges[last])
        assert [time for time, _ in frames] == edges[first:last]
        assert all(
            np.array_equal(actual, expected)
            for (_, actual), (_, expected) in zip(frames, whole[first:last], strict=True)
        )


def _join(path: Path, *recordings: Path) -> Path:
    path.write_bytes(b"".join(recording.read_bytes() for recording in recordings))
    return path


@pytest.mark.parametrize(("first", "second", "start"), [(60, 60, 0.0), (48, 72, 0.0), (60, 60, 1.0), (60, 60, 5.0)])
def test_a_span_of_joined_recordings_is_the_slice_of_the_whole(
    first: int, second: int, start: float, tmp_path: Path
) -> None:
    """The timestamps of the second recording restart, overlap those of the first, or leave a gap after them."""
    make_film(tmp_path / "first.ts", shots([first], (96, 64)))
    make_film(tmp_path / "second.ts", shots([second], (96, 64), seed=50), start=start)
    path = _join(tmp_path / "joined.ts", tmp_path / "first.ts", tmp_path / "second.ts")
    track = probe(str(path), path.stat().st_size).track
    with Decoder(str(path), track) as decoder:
        whole = [(timed.time, timed.frame.to_ndarray()) for timed in decoder.frames()]
    assert len(whole) == first + second
    assert all(later - earlier > 0.03 for (earlier, _), (later, _) in pairwise(whole))
    edges = [time for time, _ in whole] + [whole[-1][0] + 1]
    for begin, end in ((0, 8), (40, 47), (first - 5, first), (first, first + 9), (first + 20, first + 47)):
        with Decoder(str(path), track) as decoder:
            span = [(timed.time, timed.frame.to_ndarray()) for timed in decoder.span(edges[begin], edges[end])]
        assert [time for time, _ in span] == edges[begin:end]
        assert all(
            np.array_equal(actual, expected) for (_, actual), (_, expected) in zip(span, whole[begin:end], strict=True)
        )


def test_the_frames_of_avi_are_shown_in_their_order_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "coded_order.avi"
    make_film(path, shots([60], (96, 64)), b_frames=2)
    facts = probe(str(path), path.stat().st_size)
    with Decoder(str(path), facts.track) as decoder:
        times = [timed.time for timed in decoder.frames()]
    assert times == pytest.approx([index / 24 for index in range(60)], abs=0.001)
    assert (facts.start_time, facts.duration) == pytest.approx((0.0, 2.5))


def test_a_video_whose_first_packet_alone_names_its_encoder_is_decoded_alike_after_a_seek(tmp_path: Path) -> None:
    """Before core 151 x264 coded 4:4:4 wrongly; FFmpeg corrects for it if it knows the version, else frames are green.

    The video is correctly coded but names a buggy encoder: a decoder that applies the workaround reports damage.
    """
    path, random = tmp_path / "old.mp4", np.random.default_rng(0)
    noise = np.linspace(0, 40, 192)[None, :, None]  # from 8x8 transforms on the left to 4x4 on the right
    images = [
        np.asarray(np.clip(image + random.normal(0, 1, image.shape) * noise, 0, 255), np.uint8)
        for image in shots([60], (192, 128))
    ]
    options = {"crf": "20", "preset": "medium"}
    make_film(path, images, pixel_format="yuv444p", options=options, tagged=False)
    path.write_bytes(re.sub(rb"x264 - core \d+", b"x264 - core 142", path.read_bytes()))
    with Decoder(str(path)) as decoder:
        whole = [(timed.time, timed.frame.is_corrupt) for timed in decoder.frames()]
    with Decoder(str(path)) as decoder:
        span = [(timed.time, timed.frame.is_corrupt) for timed in decoder.span(whole[36][0], whole[48][0])]
    assert span == whole[36:48]
    assert any(is_corrupt for _, is_corrupt in span)


@pytest.mark.parametrize("kind", ["top", "telecine"])
def test_interlaced_video_comes_out_whole_and_a_span_is_the_slice_of_it(kind: str, tmp_path: Path) -> None:
    path = write_film(tmp_path / "scanned.mpg", scanned(kind, 70))
    facts = probe(str(path), path.stat().st_size)
    assert facts.scan == {"top": "interlaced"}.get(kind, kind)
    meter = CombMeter()
    with Decoder(str(path), facts.track, watch=meter.watch) as decoder:
        whole = [(timed.time, timed.frame) for timed in decoder.frames()]
    assert len(whole) == 70
    assert (meter.share(0, 10) or 0) > 0.3  # as stored in the source
    lines = [luma_lines(frame) for _, frame in whole]
    assert sum(compare_fields(*pair).combed is not None for pair in pairwise(lines)) <= 2
    edges = [time for time, _ in whole] + [whole[-1][0] + 1]
    for begin, end in ((0, 8), (25, 47), (60, 70)):
        with Decoder(str(path), facts.track) as decoder:
            span = [(timed.time, timed.frame.to_ndarray()) for timed in decoder.span(edges[begin], edges[end])]
        assert [time for time, _ in span] == edges[begin:end]
        for (_, actual), (_, expected) in zip(span, whole[begin:end], strict=True):
            assert np.array_equal(actual, expected.to_ndarray())


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
@pytest.mark.parametrize("start", [0.0, 1.5])
def test_times_are_those_of_the_container(name: str, start: float, tmp_path: Path) -> None:
    written = make_film(tmp_path / name, shots([60], (96, 64)), times=VARIABLE, start=start)
    assert [time for time, _ in _whole(tmp_path / name)] == pytest.approx(written, abs=0.0006)


def test_the_counter_counts_every_decoded_frame(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([48], (96, 64)), key_interval=12, b_frames=0)
    with Decoder(str(tmp_path / "film.mp4")) as decoder:
        shown = list(decoder.span(30 / 24, 34 / 24))
    assert len(shown) == 4
    # The video's first frame, which identifies the encoder; then from the key frame to one frame past the end.
    assert decoder.decoded_frames == 1 + 34 - 24 + 1


def test_one_decoder_reads_spans_in_any_order(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([48], (96, 64)))
    with Decoder(str(tmp_path / "film.mp4")) as decoder:
        late = [timed.time for timed in decoder.span(1.5, 2.0)]
        early = [timed.time for timed in decoder.span(0.0, 0.5)]
    assert late == pytest.approx([index / 24 for index in range(36, 48)])
    assert early == pytest.approx([index / 24 for index in range(12)])


def test_sound_alone_and_text_are_refused_with_a_reason(tmp_path: Path) -> None:
    make_sound(tmp_path / "tone.m4a")
    (tmp_path / "broken.mp4").write_bytes(b"no film at all" * 100)
    with pytest.raises(MediaError, match="no video stream"):
        Decoder(str(tmp_path / "tone.m4a"))
    with pytest.raises(MediaError, match="not a video: a text file"):
        Decoder(str(tmp_path / "broken.mp4"))


def test_a_damaged_packet_is_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    make_film(path, shots([48], (96, 64)), codec="mpeg4", key_interval=4, b_frames=0)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4 + len(data) // 3
    data[start : start + 400] = bytes(400)
    path.write_bytes(data)
    with Decoder(str(path)) as decoder:
        times = [timed.time for timed in decoder.frames()]
    assert 40 <= len(times) <= 48
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(47 / 24)

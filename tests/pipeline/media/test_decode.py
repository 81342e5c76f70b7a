"""Decoding: all frames with their real times; a span equals the slice of the whole, whatever the container.

python -m pytest tests/pipeline/media/test_decode.py
"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.media.decode import Decoder
from schemas.errors import MediaError
from tests.films import make_film, make_sound, shots

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
def test_a_span_is_the_slice_of_the_whole_film(name: str, options: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / name
    make_film(path, shots([20, 20, 20], (96, 64)), **options)  # type: ignore[arg-type]
    whole = _whole(path)
    assert len(whole) == 60
    edges = [time for time, _ in whole] + [whole[-1][0] + 1]
    for first, last in SPANS:
        found = _span(path, edges[first], edges[last])
        assert [time for time, _ in found] == edges[first:last]
        assert all(np.array_equal(got, wanted) for (_, got), (_, wanted) in zip(found, whole[first:last], strict=True))


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
    assert decoder.decoded_frames == 34 - 24 + 1  # from the key frame to the first frame past the end


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
    with pytest.raises(MediaError, match="cannot be opened"):
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

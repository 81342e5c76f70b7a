"""Deinterlacing: one progressive frame per input frame, at its time, the same in a span as in the whole video.

python -m pytest tests/pipeline/media/test_deinterlace.py
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from pipeline.media.decode import TimedFrame
from pipeline.media.deinterlace import LEAD_FRAMES, deinterlace
from pipeline.media.fields import compare_fields, luma_lines
from pipeline.media.scan import Scan
from tests.interlaced_films import scanned, to_frames

INTERLACED, TELECINE = Scan("interlaced", "top"), Scan("telecine", "top")


def _timed(kind: str, count: int, pixel_format: str = "yuv420p") -> list[TimedFrame]:
    times = [1.5 + index / 25 + 0.003 * (index % 3) for index in range(count)]
    return [
        TimedFrame(time, frame, 1.0)
        for time, frame in zip(times, to_frames(scanned(kind, count), pixel_format), strict=True)
    ]


def _combed(frames: Sequence[TimedFrame]) -> int:
    lines = [luma_lines(timed.frame) for timed in frames]
    return sum(compare_fields(*pair).combed is not None for pair in itertools.pairwise(lines))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le"])
@pytest.mark.parametrize(
    ("kind", "scan"), [("top", INTERLACED), ("bottom", Scan("interlaced", "bottom")), ("telecine", TELECINE)]
)
def test_every_frame_comes_out_whole_at_its_time(kind: str, scan: Scan, pixel_format: str) -> None:
    frames = _timed(kind, 20, pixel_format)
    whole = list(deinterlace(iter(frames), scan))
    assert [timed.time for timed in whole] == [timed.time for timed in frames]
    assert [timed.frame.pts for timed in whole] == [timed.frame.pts for timed in frames]
    assert {timed.frame.format.name for timed in whole} == {pixel_format}
    assert _combed(frames) >= 7
    assert _combed(whole) == 0


def test_a_deinterlaced_frame_shows_the_moment_of_its_first_field() -> None:
    whole = [timed.frame.to_ndarray()[:240] for timed in deinterlace(iter(_timed("top", 12)), INTERLACED)]
    expected = [frame.to_ndarray()[:240] for frame in to_frames(scanned("progressive", 12))]
    for result, right in list(zip(whole, expected, strict=True))[1:-1]:
        assert np.abs(result.astype(int) - right).mean() < 1.5


def test_telecined_frames_are_put_together_from_their_own_halves() -> None:
    whole = [timed.frame.to_ndarray()[:240] for timed in deinterlace(iter(_timed("telecine", 20)), TELECINE)]
    video = [frame.to_ndarray()[:240] for frame in to_frames(scanned("progressive", 16))]
    for frame in whole[2:-2]:
        assert min(np.abs(frame.astype(int) - image).mean() for image in video) < 0.5


@pytest.mark.parametrize(("kind", "scan"), [("top", INTERLACED), ("telecine", TELECINE)])
def test_a_span_begun_early_is_the_slice_of_the_whole(kind: str, scan: Scan) -> None:
    frames = _timed(kind, 30)
    whole = list(deinterlace(iter(frames), scan))
    for first in (LEAD_FRAMES, 8, 12, 13):
        span = list(deinterlace(iter(frames[first - LEAD_FRAMES :]), scan))[LEAD_FRAMES:]
        assert [timed.time for timed in span] == [timed.time for timed in whole[first:]]
        for result, right in zip(span, whole[first:], strict=True):
            assert np.array_equal(result.frame.to_ndarray(), right.frame.to_ndarray())


def test_frames_are_given_on_as_soon_as_the_next_ones_are_known() -> None:
    taken = 0

    def counted() -> Iterator[TimedFrame]:
        nonlocal taken
        for timed in _timed("top", 20):
            taken += 1
            yield timed

    whole = deinterlace(iter(counted()), INTERLACED)
    next(whole)
    assert taken <= 3


def test_whole_video_passes_untouched_and_a_change_of_size_starts_anew() -> None:
    frames = _timed("progressive", 5)
    assert list(deinterlace(iter(frames), Scan("progressive", None))) == frames
    small = [TimedFrame(9 + timed.time, timed.frame.reformat(width=160, height=120), 1.0) for timed in frames]
    mixed = list(deinterlace(iter([*frames, *small, *_timed("top", 3, "yuv422p")]), INTERLACED))
    assert [(timed.frame.width, timed.frame.format.name) for timed in mixed] == [
        *[(320, "yuv420p")] * 5, *[(160, "yuv420p")] * 5, *[(320, "yuv422p")] * 3,
    ]  # fmt: skip


def test_no_frames_give_no_frames() -> None:
    assert list(deinterlace(iter([]), INTERLACED)) == []

"""Combing: the share of combed frames of any span, near 0 for whole frames.

python -m pytest tests/pipeline/measures/test_combing.py
"""

import numpy as np
import pytest

from pipeline.measures.combing import CombMeter
from pipeline.media.decode import TimedFrame
from tests.films import moving, texture, to_yuv
from tests.interlaced_films import SIZE, scanned, to_frames


def _watched(images: list[np.ndarray]) -> CombMeter:
    meter = CombMeter()
    frames = [TimedFrame(index / 25, frame, 1.0) for index, frame in enumerate(to_frames(images))]
    assert list(meter.watch(iter(frames))) == frames
    return meter


@pytest.mark.parametrize("order", ["top", "bottom"])
def test_an_interlaced_pan_is_combed_throughout(order: str) -> None:
    assert _watched(scanned(order, 101)).share(0, 4) == 1


def test_the_share_is_that_of_the_span() -> None:
    meter = _watched(scanned("top", 50) + scanned("progressive", 50))
    assert meter.share(0, 2) == 1
    assert meter.share(2, 4) == 0
    assert meter.share(0, 4) == 0.5


def test_pulldown_is_combed_in_two_frames_of_five() -> None:
    share = _watched(scanned("telecine", 65) * 8).share(0, 20)
    assert share == pytest.approx(0.4, abs=0.1)


def test_whole_frames_are_not_combed() -> None:
    meter = CombMeter()
    for index, image in enumerate(moving(texture(5, 900, 300), 100, SIZE, (3, 0))):
        meter.push(TimedFrame(index / 25, to_yuv(image), 1.0))
    assert meter.share(0, 4) == 0


def test_stripes_as_fine_as_lines_are_not_combed() -> None:
    random = np.random.default_rng(0)
    lines = np.arange(SIZE[1])[:, None] * np.ones((1, SIZE[0]))
    for period in random.uniform(2, 9, 8):
        video = [
            (128 + 100 * np.sign(np.sin((lines - 1.3 * time) * 2 * np.pi / period))).astype(np.uint8)
            for time in range(76)
        ]
        share = _watched(video).share(0, 3)
        assert share is not None
        assert share <= 0.2


def test_a_span_in_which_nothing_was_looked_at_has_no_share() -> None:
    assert _watched(scanned("top", 26)).share(0.1, 0.2) is None
    assert CombMeter().share(0, 1) is None

"""The crop box: drawn bars are found to the pixel, and merely dark clips keep their frame.

python -m pytest tests/pipeline/measures/test_bars.py
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.measures.bars import Sides, find_bars
from pipeline.measures.measurer import Measurer
from pipeline.media.decode import PacketSizes
from tests.films import Picture, make_film, moving, texture
from tests.pipeline.measures.measuring import measure, measure_video, push

SIZE = (320, 240)
CANVAS = texture(11, 700, 400)
BOX = ("crop_left", "crop_top", "crop_width", "crop_height")


def _barred(image: Picture, left: int, top: int, right: int, bottom: int, *, level: int = 0) -> Picture:
    barred = np.full_like(image, level)
    height, width = image.shape[:2]
    inside = slice(top, height - bottom), slice(left, width - right)
    barred[inside] = image[inside]
    return barred


def _box(measures: dict[str, Any]) -> tuple[int, ...]:
    return tuple(measures[name] for name in BOX)


def _shown(bars: Sequence[int], seed: int = 11, level: int = 0) -> tuple[int, ...]:
    canvas = texture(seed, 700, 400)
    images = moving(canvas, 30, SIZE, (2, 0))
    return _box(measure(_barred(frame, *bars, level=level) for frame in images))


@given(
    st.tuples(st.integers(4, 100), st.integers(4, 80), st.integers(4, 100), st.integers(4, 80)),
    st.sampled_from(["letterbox", "pillarbox", "both", "one"]),
    st.integers(1, 30),
    st.integers(0, 16),
)
@example((6, 4, 6, 4), "both", 1, 0)
@settings(max_examples=25)
def test_drawn_bars_are_found(bars: tuple[int, int, int, int], kind: str, seed: int, level: int) -> None:
    keep = {"letterbox": (0, 1, 0, 1), "pillarbox": (1, 0, 1, 0), "both": (1, 1, 1, 1), "one": (0, 1, 0, 0)}[kind]
    drawn = [bar * kept for bar, kept in zip(bars, keep, strict=True)]
    left, top, width, height = _shown(drawn, seed, level)
    detected = (left, top, SIZE[0] - left - width, SIZE[1] - top - height)
    for detected_bar, bar in zip(detected, drawn, strict=True):
        assert bar <= detected_bar <= bar + 2
    assert all(side % 2 == 0 for side in (left, top, width, height))


@pytest.mark.parametrize("crf", [18, 30])
def test_bars_are_found_through_compression(crf: int, tmp_path: Path) -> None:
    images = [_barred(frame, 0, 30, 0, 30) for frame in moving(CANVAS, 30, SIZE, (2, 0))]
    make_film(tmp_path / "film.mp4", images, options={"crf": f"{crf}"})
    assert _box(measure_video(tmp_path / "film.mp4")) == (0, 30, 320, 180)


def test_an_image_without_bars_keeps_its_odd_size() -> None:
    assert _box(measure(moving(CANVAS, 20, (321, 181), (2, 0)))) == (0, 0, 321, 181)


def _night() -> list[Picture]:
    """Lights in the middle of a dark ground that fades to black at the edges."""
    across, down = np.meshgrid(np.linspace(-1, 1, SIZE[0]), np.linspace(-1, 1, SIZE[1]))
    glow = np.clip(1.1 - np.hypot(across, down), 0, 1)[..., np.newaxis] ** 2
    return [np.asarray(frame * glow, np.uint8) for frame in moving(CANVAS, 30, SIZE, (2, 0))]


def test_a_night_scene_keeps_its_frame() -> None:
    assert _box(measure(_night())) == (0, 0, *SIZE)


def test_a_black_clip_keeps_its_frame() -> None:
    assert _box(measure([np.zeros((240, 320, 3), np.uint8)] * 24)) == (0, 0, *SIZE)


def test_a_fade_from_black_shows_its_bars_and_no_more() -> None:
    images = [frame * min(1.0, index / 40) for index, frame in enumerate(moving(CANVAS, 60, SIZE, (1, 0)))]
    faded = [np.asarray(frame, np.uint8) for frame in images]
    assert _box(measure(faded)) == (0, 0, *SIZE)
    assert _box(measure([_barred(frame, 0, 30, 0, 30) for frame in faded])) == (0, 30, 320, 180)


def test_a_bar_that_goes_away_is_no_bar() -> None:
    images = list(moving(CANVAS, 48, SIZE, (1, 0)))
    assert _box(measure([_barred(frame, 0, 30, 0, 30) for frame in images[:24]] + images[24:])) == (0, 0, *SIZE)


def test_less_than_a_hundredth_is_no_bar() -> None:
    assert _shown((0, 2, 0, 2)) == (0, 0, *SIZE)


def test_text_in_a_bar_goes_with_it_and_a_logo_does_not() -> None:
    barred = [_barred(frame, 0, 40, 0, 40) for frame in moving(CANVAS, 30, SIZE, (2, 0))]
    for frame in barred:
        cv2.putText(frame, "What she says.", (90, 225), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (230, 230, 230), 1)
    assert _box(measure(barred)) == (0, 40, 320, 160)
    for frame in barred:
        frame[204:234, 60:220] = 180
    measures = measure(barred)
    assert measures["crop_top"] + measures["crop_height"] >= 234


def test_a_dark_clip_has_the_bars_that_the_rest_of_its_video_shows() -> None:
    bright = [_barred(frame, 0, 30, 0, 30) for frame in moving(CANVAS, 96, SIZE, (1, 0))]
    dark = [_barred(np.asarray(frame * 0.9, np.uint8), 0, 30, 0, 30) for frame in _night()]
    measurer = Measurer(*SIZE, PacketSizes())
    push(measurer, [*bright, *dark], [index / 24 for index in range(len(bright) + len(dark) + 1)])
    assert _box(measurer.summarise(0, 96)) == (0, 30, 320, 180)
    assert _box(measurer.summarise(96, 126)) == (0, 30, 320, 180)


def test_the_box_of_other_than_square_pixels_is_in_displayed_ones() -> None:
    images = [_barred(frame, 20, 0, 20, 0) for frame in moving(CANVAS, 20, SIZE, (2, 0))]
    measurer = Measurer(SIZE[0] * 2, SIZE[1], PacketSizes())
    push(measurer, images, [index / 24 for index in range(21)])
    assert _box(measurer.summarise(0, 20)) == (40, 0, 560, 240)


def test_a_look_trims_only_what_ends_in_an_edge() -> None:
    luma = np.asarray(cv2.cvtColor(_barred(CANVAS[:200, :300], 10, 20, 0, 0), cv2.COLOR_RGB2GRAY), np.uint8)
    sides = find_bars(luma)
    assert (sides.depths[:2], sides.edges) == ((10, 20), (True, True, False, False))
    assert sides.trim(luma).shape == (180, 290)
    assert Sides((0, 30, 0, 0), (False,) * 4).trim(luma).shape == (200, 300)

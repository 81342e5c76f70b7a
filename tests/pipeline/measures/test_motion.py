"""Measures of the decode pass: the camera's direction, motion that does not depend on the rate, subject apart.

python -m pytest tests/pipeline/test_measures.py
"""

from collections.abc import Iterable

import cv2
import numpy as np
import pytest

from pipeline.measures import Measurer, measure_light, summarise_light, summarise_motion
from tests.films import Picture, moving, texture

SIZE = (320, 180)
CANVAS = texture(11, 640, 480)
SECONDS = 2


def _measure(pictures: Iterable[Picture], fps: float, start: float = 0.0) -> dict[str, float | str | None]:
    measurer = Measurer()
    for index, picture in enumerate(pictures):
        measurer.push(index, start + index / fps, picture)
    return summarise_motion(measurer.motion)


def _pan(pixels_per_second: tuple[float, float], fps: int) -> Iterable[Picture]:
    step = (pixels_per_second[0] / fps, pixels_per_second[1] / fps)
    return moving(CANVAS, SECONDS * fps + 1, SIZE, step)


def _zoom(factor_per_second: float, fps: int) -> Iterable[Picture]:
    for index in range(SECONDS * fps + 1):
        scale = factor_per_second ** (index / fps - SECONDS / 2)
        turn = cv2.getRotationMatrix2D((320, 240), 0, scale)
        turn = turn + np.array([[0, 0, SIZE[0] / 2 - 320], [0, 0, SIZE[1] / 2 - 240]])
        yield np.asarray(cv2.warpAffine(CANVAS, turn, SIZE, flags=cv2.INTER_LINEAR), np.uint8)


def _noisy(pictures: Iterable[Picture]) -> Iterable[Picture]:
    random = np.random.default_rng(0)
    for picture in pictures:
        yield np.clip(picture + random.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("speed", "label"),
    [((60, 0), "pan right"), ((-60, 0), "pan left"), ((0, 40), "tilt down"), ((0, -40), "tilt up")],
)
def test_a_moving_window_is_called_after_its_direction(speed: tuple[float, float], label: str) -> None:
    found = _measure(_pan(speed, 24), 24)
    assert found["camera"] == label
    # All of the picture moves by this many pixels a second, in percent of the diagonal.
    assert found["camera_motion"] == pytest.approx(100 * np.hypot(*speed) / np.hypot(*SIZE), rel=0.05)
    assert float(found["subject_motion"] or 0) < 0.1 * float(found["camera_motion"] or 0)


@pytest.mark.parametrize(("factor", "label"), [(1.25, "zoom in"), (0.8, "zoom out")])
def test_a_growing_or_shrinking_picture_is_a_zoom(factor: float, label: str) -> None:
    assert _measure(_zoom(factor, 24), 24)["camera"] == label


def test_nothing_moves_in_a_standing_picture_even_with_noise() -> None:
    still = [CANVAS[:180, :320]] * 25
    assert _measure(still, 24)["motion"] == pytest.approx(0, abs=0.01)
    found = _measure(_noisy(still), 24)
    assert found["camera"] == "static"
    assert float(found["motion"] or 0) < 0.5


def test_the_same_pan_scores_the_same_at_12_and_60_frames_per_second() -> None:
    slow, fast = (_measure(_pan((60, 20), fps), fps) for fps in (12, 60))
    assert slow["motion"] == pytest.approx(fast["motion"], rel=0.05)
    assert slow["camera_motion"] == pytest.approx(fast["camera_motion"], rel=0.05)


def test_a_late_start_changes_nothing() -> None:
    assert _measure(_pan((60, 0), 24), 24) == _measure(_pan((60, 0), 24), 24, start=1000.0)


def test_a_subject_that_crosses_a_standing_picture_is_not_the_camera() -> None:
    subject = texture(23, 110, 110)
    pictures = []
    for index in range(49):
        picture = CANVAS[:180, :320].copy()
        picture[30:140, 10 + 4 * index : 120 + 4 * index] = subject
        pictures.append(picture)
    found = _measure(pictures, 24)
    assert float(found["subject_motion"] or 0) > 3 * float(found["camera_motion"] or 0)
    assert found["camera"] == "static"


def test_a_shaking_camera_has_no_direction() -> None:
    corners = [(0, 0), (12, 0), (12, 12), (0, 12)]
    pictures = [CANVAS[40 + y : 220 + y, 40 + x : 360 + x] for x, y in (corners[index // 3 % 4] for index in range(49))]
    assert _measure(pictures, 24)["camera"] == "moving"


def test_too_few_frames_give_no_motion() -> None:
    nothing = {"motion": None, "camera_motion": None, "subject_motion": None, "camera": None}
    assert _measure([CANVAS[:180, :320]], 24) == nothing


def test_light_is_measured_in_its_units() -> None:
    gray = np.full((40, 60), 128, np.uint8)
    gray[:, :30] = 0
    light = measure_light(gray)
    assert light.brightness == pytest.approx(64 / 255)
    assert light.contrast == pytest.approx(64 / 255)
    assert light.clipped == 0.5


def test_blur_takes_sharpness() -> None:
    sharp = np.random.default_rng(0).integers(0, 256, (90, 160)).astype(np.uint8)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 2).astype(np.uint8)
    assert measure_light(blurred).sharpness < 0.1 * measure_light(sharp).sharpness


def test_a_clips_light_is_the_mean() -> None:
    dark, bright = (measure_light(np.full((8, 8), value, np.uint8)) for value in (51, 102))
    assert summarise_light([dark, bright])["brightness"] == pytest.approx(0.3)

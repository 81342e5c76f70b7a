"""Exposure in its units, and sharpness that detects blur at every size.

python -m pytest tests/pipeline/measures/test_light.py
"""

import cv2
import numpy as np
import pytest

from pipeline.measures.exposure import measure_exposure
from pipeline.measures.sharpness import measure_sharpness, to_scale
from tests.films import Picture, texture
from tests.pipeline.measures.measuring import measure


def test_exposure_is_measured_in_its_units() -> None:
    luma = np.full((40, 60), 128, np.uint8)
    luma[:, :30] = 0
    assert measure_exposure(luma) == pytest.approx((64 / 255, 64 / 255, 0, 0.5))
    luma[:10] = 255
    assert measure_exposure(luma)[2:] == pytest.approx((0.25, 0.375))


def test_a_good_exposure_is_neither_over_nor_under() -> None:
    measures = measure([texture(3, 320, 180)] * 12)
    assert (measures["overexposed"], measures["underexposed"]) == (0, 0)
    assert 0.3 < measures["brightness"] < 0.8


@pytest.mark.parametrize(
    ("gain", "column", "other"), [(4.0, "overexposed", "underexposed"), (0.0, "underexposed", "overexposed")]
)
def test_what_is_lost_in_white_or_black_is_told_apart(gain: float, column: str, other: str) -> None:
    measures = measure([np.clip(texture(3, 320, 180) * gain, 0, 255).astype(np.uint8)] * 12)
    assert measures[column] > 0.3
    assert measures[other] < 0.05


def test_bars_are_not_underexposed() -> None:
    barred = np.asarray(cv2.copyMakeBorder(texture(3, 320, 180), 30, 30, 0, 0, cv2.BORDER_CONSTANT), np.uint8)
    measures, plain = measure([barred] * 12), measure([texture(3, 320, 180)] * 12)
    assert measures["underexposed"] == 0
    assert measures["brightness"] == pytest.approx(plain["brightness"], abs=0.01)


def test_a_clips_light_is_the_mean_of_its_own_looks() -> None:
    images = [np.full((90, 160, 3), level, np.uint8) for level in (51, 102) for _ in range(24)]
    assert measure(images)["brightness"] == pytest.approx(0.3, abs=0.001)
    assert measure(images, span=(24, 48))["brightness"] == pytest.approx(0.4, abs=0.001)


def _detailed(width: int, height: int) -> Picture:
    fine = np.random.default_rng(0).integers(0, 256, (360, 640, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(cv2.GaussianBlur(fine, (0, 0), 1.5), (width, height), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080)])
def test_the_same_image_is_as_sharp_at_any_size_and_blur_takes_it(size: tuple[int, int]) -> None:
    image = _detailed(*size)
    sharp, reference = measure([image] * 2)["sharpness"], measure([_detailed(640, 360)] * 2)["sharpness"]
    assert sharp == pytest.approx(reference, rel=0.3)
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), 3 * size[1] / 360), np.uint8)
    assert measure([blurred] * 2)["sharpness"] < 0.2 * sharp


def test_an_enlarged_image_is_less_sharp_than_the_original() -> None:
    small = np.asarray(cv2.resize(_detailed(640, 360), (160, 90), interpolation=cv2.INTER_AREA), np.uint8)
    assert measure([small] * 2)["sharpness"] < 0.2 * measure([_detailed(640, 360)] * 2)["sharpness"]


def test_the_scale_is_360_lines() -> None:
    assert to_scale(np.zeros((1080, 1920), np.uint8)).shape == (360, 640)
    assert to_scale(np.zeros((180, 100), np.uint8)).shape == (648, 360)
    assert measure_sharpness(np.full((360, 640), 9, np.uint8)) == 0

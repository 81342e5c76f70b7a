"""The camera's label and confidence, and jitter: each on a path that has it and on one that does not.

python -m pytest tests/pipeline/measures/test_camera.py
"""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest

from tests.films import Picture, moving, texture
from tests.pipeline.measures.measuring import measure

SIZE = (320, 180)
CANVAS = texture(11, 640, 480)
SECONDS = 2
FPS = 24


def _pan(pixels_per_second: tuple[float, float], fps: int = FPS) -> Iterable[Picture]:
    step = (pixels_per_second[0] / fps, pixels_per_second[1] / fps)
    return moving(CANVAS, SECONDS * fps + 1, SIZE, step)


def _view(scale: float = 1.0, degrees: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> Picture:
    turn = cv2.getRotationMatrix2D((320, 240), degrees, scale)
    turn = turn + np.array([[0, 0, SIZE[0] / 2 - 320 - shift[0]], [0, 0, SIZE[1] / 2 - 240 - shift[1]]])
    return np.asarray(cv2.warpAffine(CANVAS, turn, SIZE, flags=cv2.INTER_LINEAR), np.uint8)


def _path(position: Callable[[float], tuple[float, float]], seconds: float = SECONDS) -> list[Picture]:
    """A camera whose place in pixels is a function of the time."""
    return [_view(shift=position(index / FPS)) for index in range(round(seconds * FPS) + 1)]


@pytest.mark.parametrize(
    ("speed", "label"),
    [((60, 0), "pan right"), ((-60, 0), "pan left"), ((0, 40), "tilt down"), ((0, -40), "tilt up")],
)
def test_a_moving_window_is_called_after_its_direction(speed: tuple[float, float], label: str) -> None:
    measures = measure(_pan(speed))
    assert measures["camera"] == label
    assert measures["camera_confidence"] > 0.9
    # All of the image moves by this many pixels a second, in percent of the diagonal.
    assert measures["camera_motion"] == pytest.approx(100 * np.hypot(*speed) / np.hypot(*SIZE), rel=0.05)
    assert measures["subject_motion"] < 0.1 * measures["camera_motion"]


@pytest.mark.parametrize(("factor", "label"), [(1.25, "zoom in"), (0.8, "zoom out")])
def test_a_growing_or_shrinking_image_is_a_zoom(factor: float, label: str) -> None:
    measures = measure(_view(factor ** (index / FPS - SECONDS / 2)) for index in range(SECONDS * FPS + 1))
    assert measures["camera"] == label
    assert measures["camera_confidence"] > 0.8


def test_a_rolling_camera_moves_in_no_direction() -> None:
    measures = measure(_view(degrees=10 * index / FPS) for index in range(SECONDS * FPS + 1))
    assert measures["camera"] == "moving"
    assert measures["subject_motion"] < 0.2 * measures["camera_motion"]


def test_nothing_moves_in_a_standing_image_even_with_noise() -> None:
    still = [CANVAS[:180, :320]] * 25
    assert measure(still)["motion"] == 0
    random = np.random.default_rng(0)
    noisy = [np.clip(frame + random.normal(0, 1.5, frame.shape), 0, 255).astype(np.uint8) for frame in still]
    measures = measure(noisy)
    assert (measures["camera"], measures["camera_confidence"]) == ("static", 1.0)
    assert measures["motion"] < 0.5
    assert measures["jitter"] < 0.02


def test_a_subject_that_crosses_a_standing_image_is_not_the_camera() -> None:
    subject = texture(23, 110, 110)
    images = []
    for index in range(49):
        image = CANVAS[:180, :320].copy()
        image[30:140, 10 + 4 * index : 120 + 4 * index] = subject
        images.append(image)
    measures = measure(images)
    assert measures["subject_motion"] > 3 * measures["camera_motion"]
    assert measures["camera"] == "static"


def _shake(hertz: float, pixels: float) -> Callable[[float], tuple[float, float]]:
    return lambda time: (
        pixels * np.sin(2 * np.pi * hertz * time),
        0.7 * pixels * np.sin(2 * np.pi * 0.83 * hertz * time + 1),
    )


@pytest.mark.parametrize("hertz", [1.7, 2.6, 4.3, 9.1])
def test_a_shaking_camera_is_handheld(hertz: float) -> None:
    measures = measure(_path(_shake(hertz, 3), seconds=4))
    assert measures["camera"] == "handheld"
    assert measures["camera_confidence"] > 0.5
    # 3 and 2.1 pixels of amplitude: RMS 2.6 pixels, of which the moving average takes or adds a part.
    assert measures["jitter"] == pytest.approx(100 * 2.6 / np.hypot(*SIZE), rel=0.35)


def test_a_steady_pan_and_a_slow_sway_are_not_handheld() -> None:
    pan = measure(_pan((60, 0)))
    assert pan["jitter"] < 0.03
    sway = measure(_path(_shake(0.25, 40), seconds=4))
    assert sway["camera"] == "moving"
    assert sway["jitter"] < 0.1 * 100 * 40 / np.hypot(*SIZE)


def test_a_pan_by_hand_is_still_a_pan_but_less_sure() -> None:
    shake = _shake(2.6, 1)
    measures = measure(_path(lambda time: (40 * time + shake(time)[0], shake(time)[1]), seconds=3))
    assert measures["camera"] == "pan right"
    assert measures["camera_confidence"] < 0.9
    assert measures["jitter"] > 0.1


def test_a_short_clip_has_no_jitter_and_a_single_frame_no_camera() -> None:
    assert measure(_pan((60, 0)), span=(0, 16))["jitter"] is None
    measures = measure([CANVAS[:180, :320]])
    names = ("motion", "camera_motion", "subject_motion", "camera", "camera_confidence", "jitter")
    assert [measures[name] for name in names] == [None] * 6

"""Frozen share: slides and held frames have it; tripod shots, slow motion and repeated frames do not.

python -m pytest tests/pipeline/measures/test_frozen.py
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.measures.measurer import Measurer
from pipeline.media.decode import PacketSizes
from tests.films import Picture, make_film, moving, texture
from tests.pipeline.measures.measuring import measure, measure_video, push

CANVAS = texture(11, 700, 400)
STILL = CANVAS[:180, :320]


def _slide() -> Picture:
    slide = np.full((360, 640, 3), 235, np.uint8)
    for line in range(7):
        cv2.putText(
            slide, "What a slide says " * 2, (30, 60 + 42 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 30, 60), 2
        )
    return slide


@pytest.mark.parametrize("crf", [16, 28, 36])
@pytest.mark.parametrize("make", [_slide, lambda: texture(5, 640, 360)], ids=["slide", "photograph"])
def test_an_encoded_slide_is_frozen(make: Callable[[], Picture], crf: int, tmp_path: Path) -> None:
    make_film(tmp_path / "slide.mp4", [make()] * 72, key_interval=24, options={"crf": f"{crf}", "preset": "veryfast"})
    assert measure_video(tmp_path / "slide.mp4")["frozen"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("size", "noise"), [((640, 360), 1.5), ((1280, 720), 3.0)])
def test_a_tripod_shot_with_sensor_noise_is_not_frozen(size: tuple[int, int], noise: float, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    still = texture(5, *size).astype(np.float32)
    images = [np.clip(still + random.normal(0, noise, still.shape), 0, 255).astype(np.uint8) for _ in range(20)]
    make_film(tmp_path / "tripod.mp4", images, options={"crf": "20", "preset": "ultrafast"})
    assert measure_video(tmp_path / "tripod.mp4")["frozen"] == 0


def test_a_held_frame_counts_for_as_long_as_it_is_held() -> None:
    images = [*moving(CANVAS, 24, (320, 180), (2, 0)), *[CANVAS[100:280, 300:620]] * 24]
    assert measure(images)["frozen"] == pytest.approx(0.5, abs=0.03)
    assert measure(images, span=(24, 48))["frozen"] == 1
    assert measure(images, span=(0, 24))["frozen"] == 0


@pytest.mark.parametrize("repeats", [2, 5])
def test_repeated_frames_of_a_slower_video_are_not_frozen(repeats: int) -> None:
    images = [frame for frame in moving(CANVAS, 60 // repeats, (320, 180), (2, 0)) for _ in range(repeats)]
    assert measure(images, fps=60)["frozen"] == 0


@pytest.mark.parametrize("fps", [24, 60])
def test_slow_motion_is_not_frozen_at_any_rate(fps: int) -> None:
    images = moving(CANVAS, 2 * fps, (320, 180), (4 / fps, 0))  # one percent of the diagonal a second
    assert measure(images, fps=fps)["frozen"] == 0


def test_one_frame_that_stays_is_frozen_for_its_time() -> None:
    measurer = Measurer(320, 180, PacketSizes())
    push(measurer, [*moving(CANVAS, 24, (320, 180), (2, 0)), STILL], [*(index / 24 for index in range(25)), 3.0])
    assert measurer.summarise(24, 25)["frozen"] == 1
    assert measurer.summarise(0, 25)["frozen"] == pytest.approx(2 / 3, abs=0.02)


def test_an_image_is_neither() -> None:
    measurer = Measurer(320, 180, PacketSizes())
    push(measurer, [STILL], [0.0, 0.0])
    assert measurer.summarise(0, 1)["frozen"] is None

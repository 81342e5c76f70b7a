"""Motion: the same scene scores the same at any rate and size, with bars and without, and clips are independent.

python -m pytest tests/pipeline/measures/test_motion.py
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.films import Picture, make_film, texture
from tests.pipeline.measures.measuring import measure, measure_video

CANVAS = texture(11, 960, 640)
SUBJECT = texture(23, 200, 200)
SECONDS = 1.5


def _scene(kind: str, speed: float, size: tuple[int, int], fps: int) -> Iterator[Picture]:
    """A pan, a zoom or a subject, at `speed` percent of the diagonal a second."""
    width, height = size
    wide = 640 / width  # every size shows the same part of the canvas
    radius = np.mean(np.hypot(*np.meshgrid(np.arange(width) - width / 2, np.arange(height) - height / 2)))
    for index in range(round(SECONDS * fps)):
        gone = speed / 100 * np.hypot(width, height) * index / fps
        zoom = np.exp(-gone / radius) if kind == "zoom" else 1.0
        left = 480 - zoom * 320 + (wide * gone - 130 if kind == "pan" else 0)
        view = np.array([[zoom * wide, 0, left], [0, zoom * wide, 320 - zoom * wide * height / 2]])
        image = cv2.warpAffine(CANVAS, view, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        if kind == "subject":
            transform = np.array([[wide, 0, -wide * (0.05 * width + gone)], [0, wide, -wide * height / 4]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            subject = cv2.warpAffine(SUBJECT, transform, size, flags=flags).astype(np.float32)
            there = cv2.warpAffine(np.ones((200, 200), np.float32), transform, size, flags=flags)[..., np.newaxis]
            image = image * (1 - there) + subject * there
        yield np.asarray(image, np.uint8)


@pytest.mark.parametrize(
    ("kind", "speed", "column"),
    [
        ("pan", 1.5, "camera_motion"),
        ("pan", 15, "camera_motion"),
        ("zoom", 6, "camera_motion"),
        ("subject", 4, "subject_motion"),
        ("subject", 20, "subject_motion"),
    ],
)
def test_the_same_scene_scores_the_same_at_12_and_60_frames_a_second(
    kind: str, speed: float, column: str, tmp_path: Path
) -> None:
    results: dict[tuple[tuple[int, int], int], dict[str, Any]] = {}
    for size, fps in (((320, 180), 12), ((320, 180), 60), ((640, 360), 25)):
        path = tmp_path / f"{fps}.mp4"
        make_film(path, _scene(kind, speed, size, fps), fps=fps, key_interval=60, options={"crf": "20"})
        results[size, fps] = measure_video(path)
    for name in ("motion", column):
        values = [result[name] for result in results.values()]
        assert max(values) <= 1.05 * min(values), f"{name}: {dict(zip(results, values, strict=True))}"
    assert len({result["camera"] for result in results.values()}) == 1
    if kind != "subject":
        assert results[(320, 180), 12][column] == pytest.approx(speed, rel=0.1)


def test_a_late_start_changes_nothing() -> None:
    images = list(_scene("pan", 8, (320, 180), 24))
    assert measure(images) == measure(images, start=1000.0)


def test_bars_change_no_motion() -> None:
    plain = list(_scene("subject", 12, (320, 180), 24))
    barred = [cv2.copyMakeBorder(frame, 40, 40, 0, 0, cv2.BORDER_CONSTANT) for frame in plain]
    with_bars, without = measure(np.asarray(frame, np.uint8) for frame in barred), measure(plain)
    for name in ("motion", "subject_motion"):
        assert with_bars[name] == pytest.approx(without[name], rel=0.2)  # the small luma is smaller
    assert with_bars["camera"] == without["camera"]


def test_a_clip_is_measured_by_what_lies_inside_it() -> None:
    still = [next(_scene("pan", 0, (320, 180), 24))] * 48
    images = [*still, *_scene("pan", 10, (320, 180), 24)]
    assert measure(images, span=(0, 48))["motion"] == 0
    assert measure(images, span=(48, 84))["camera_motion"] == pytest.approx(10, rel=0.1)
    assert measure(images, span=(12, 84))["camera_motion"] == pytest.approx(5, rel=0.2)


def test_an_image_too_small_for_flow_has_no_motion() -> None:
    measures = measure([texture(1, 12, 12)] * 24)
    assert measures["motion"] is None
    assert measures["frozen"] == 1

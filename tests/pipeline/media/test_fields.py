"""Fields: interlaced and telecined frames are told from progressive ones, whatever their pattern, by a few runs.

python -m pytest tests/pipeline/media/test_fields.py
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from pipeline.media.fields import Lines, compare_fields, luma_lines
from pipeline.media.scan import Scan, find_scan, sample_runs
from tests.films import make_film, shots
from tests.interlaced_films import SIZE, scanned, to_frames, write_film

STEPS = [(4, 0), (0, 2), (8, 1), (-5, 3)]


def _combed(images: Sequence[Lines]) -> list[str | None]:
    return [compare_fields(first, second).combed for first, second in itertools.pairwise(images)]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("order", ["top", "bottom"])
def test_fields_of_two_moments_are_combed_in_their_order(order: str, step: tuple[float, float]) -> None:
    assert _combed(scanned(order, 6, step)) == [order] * 5


@pytest.mark.parametrize("step", STEPS)
def test_whole_frames_are_not_combed(step: tuple[float, float]) -> None:
    assert _combed(scanned("progressive", 6, step)) == [None] * 5


@pytest.mark.parametrize("step", STEPS)
def test_pulldown_combs_two_frames_of_five(step: tuple[float, float]) -> None:
    pairs = [compare_fields(*pair) for pair in itertools.pairwise(scanned("telecine", 11, step))]
    assert [pair.combed for pair in pairs] == [None, None, "top", "top", None] * 2
    assert [pair.repeated for pair in pairs] == [None, "top", None, "bottom", None] * 2


@pytest.mark.parametrize("period", [2, 2.2, 2.5, 3, 4, 5, 6.3])
@pytest.mark.parametrize("speed", [0.25, 0.5, 1, 1.5, 2, 3])
def test_fine_stripes_that_move_are_not_combed(period: float, speed: float) -> None:
    lines = np.arange(SIZE[1])[:, None] * np.ones((1, SIZE[0]))
    for phase in (0.0, 0.3, 0.8):
        moments = [128 + 100 * np.sin(2 * np.pi * (lines - speed * time) / period + phase) for time in range(4)]
        assert _combed([moment.astype(np.uint8) for moment in moments]) == [None] * 3


def test_a_still_image_and_a_cut_are_not_combed() -> None:
    interlaced = scanned("top", 1)[0]
    assert not compare_fields(interlaced, interlaced).has_motion
    cut = [scanned("progressive", 1, seed=seed)[0] for seed in (1, 2)]
    assert _combed(cut) == [None]


def test_sizes_that_differ_or_are_tiny_are_not_compared() -> None:
    assert not compare_fields(np.zeros((240, 320), np.uint8), np.full((120, 160), 255, np.uint8)).has_motion
    assert not compare_fields(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)).has_motion


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "nv12", "gray", "uyvy422", "yuv444p12le"])
def test_luma_is_taken_from_every_format(pixel_format: str) -> None:
    image = scanned("top", 1)[0]
    lines = luma_lines(to_frames([image], pixel_format)[0])
    assert lines.shape == image.shape
    correlation = np.corrcoef(lines.ravel().astype(float), image.ravel().astype(float))[0, 1]
    assert correlation > 0.999


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("kind", "scan"),
    [
        ("progressive", Scan("progressive", None)),
        ("top", Scan("interlaced", "top")),
        ("bottom", Scan("interlaced", "bottom")),
        ("telecine", Scan("telecine", "top")),
    ],
)
def test_the_scan_of_a_video_is_found_without_flags(
    kind: str, scan: Scan, step: tuple[float, float], tmp_path: Path
) -> None:
    path = write_film(tmp_path / "film.mpg", scanned(kind, 60, step))
    assert _scan(path) == scan


def test_flags_alone_do_not_make_a_moving_video_interlaced(tmp_path: Path) -> None:
    moving = write_film(tmp_path / "moving.mpg", scanned("progressive", 60), flagged=True)
    assert _scan(moving) == Scan("progressive", None)
    still = write_film(tmp_path / "still.mpg", scanned("progressive", 1) * 60, flagged=True)
    assert _scan(still) == Scan("interlaced", None)


def test_an_ordinary_video_is_progressive(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([20, 20, 20], (320, 240)))
    assert _scan(tmp_path / "film.mp4") == Scan("progressive", None)


def test_nothing_decoded_is_progressive() -> None:
    assert find_scan([[], []]) == Scan("progressive", None)


def _scan(path: Path) -> Scan:
    with cast(Any, av.open(path)) as container:
        stream = container.streams.video[0]
        start = float((stream.start_time or 0) * stream.time_base)
        return find_scan(sample_runs(container, stream, start, 60 / 25))

"""Geometry: every quarter turn and reflection is displayed as players do; impossible pixel aspects are refused.

python -m pytest tests/pipeline/media/test_geometry.py
"""

from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from pipeline.media.geometry import Geometry, geometry_of
from pipeline.media.rgb import RgbConverter
from schemas.errors import MediaError
from tests.films import make_film

WIDTH, HEIGHT = 96, 64
CORNERS = {"R": (220, 30, 30), "G": (30, 200, 30), "B": (30, 30, 220), "Y": (220, 210, 30)}


def corners_picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Red top left, green top right, blue bottom left, yellow bottom right."""
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    half = (HEIGHT // 2, WIDTH // 2)
    image[: half[0], : half[1]], image[: half[0], half[1] :] = CORNERS["R"], CORNERS["G"]
    image[half[0] :, : half[1]], image[half[0] :, half[1] :] = CORNERS["B"], CORNERS["Y"]
    return image


def read_corners(image: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    """The letters of the four corners: top left, top right, bottom left, bottom right."""
    height, width = image.shape[:2]
    corners = [(height // 4, width // 4), (height // 4, -width // 4), (-height // 4, width // 4)]
    letters = []
    for row, column in [*corners, (-height // 4, -width // 4)]:
        distance = {name: np.abs(image[row, column].astype(int) - colour).sum() for name, colour in CORNERS.items()}
        letters.append(min(distance, key=lambda name: int(distance[name])))
    return "".join(letters)


# Degrees clockwise, reflected left to right before that, and what the corners then read.
ORIENTATIONS = [
    (0, False, "RGBY"),
    (90, False, "BRYG"),
    (180, False, "YBGR"),
    (270, False, "GYRB"),
    (0, True, "GRYB"),
    (90, True, "YGBR"),
    (180, True, "BYRG"),
    (270, True, "RBGY"),
]


@pytest.mark.parametrize(("rotation", "mirrored", "corners"), ORIENTATIONS)
def test_every_display_matrix_is_shown_as_players_show_it(
    rotation: int, mirrored: bool, corners: str, tmp_path: Path
) -> None:
    video = tmp_path / "film.mp4"
    make_film(video, [corners_picture()] * 6, rotation=rotation, mirrored=mirrored)
    with cast(Any, av.open(video)) as container:
        frame = next(container.decode(video=0))
    geometry = geometry_of(frame, 1.0)
    assert (geometry.rotation, geometry.mirrored) == (rotation, mirrored)
    assert (geometry.width, geometry.height) == ((HEIGHT, WIDTH) if rotation % 180 else (WIDTH, HEIGHT))
    assert read_corners(RgbConverter(geometry).rgb(frame, geometry.width, geometry.height)) == corners


@pytest.mark.parametrize("aspect", [0.0, 1e-9, 8.5, 2147483647.0])
def test_pixels_that_no_image_has_are_refused(aspect: float) -> None:
    with pytest.raises(MediaError, match=r"must be between 0\.125 and 8: correct the pixel aspect"):
        geometry_of(av.VideoFrame(96, 64, "yuv420p"), aspect)


def test_only_what_is_shown_as_stored_counts_as_coded() -> None:
    assert Geometry(0, 4, 2).is_as_coded
    assert not Geometry(90, 4, 2).is_as_coded
    assert not Geometry(0, 4, 2, mirrored=True).is_as_coded

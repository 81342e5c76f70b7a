"""Analysis frames: upright, full range, with the colours of the full-quality image and the decoder's luma.

python -m pytest tests/pipeline/media/test_analysis_frame.py
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.media.analysis_frame import AnalysisFrame, AnalysisFrameMaker, analyse_image
from pipeline.media.decode import Decoder
from pipeline.media.probe import probe
from pipeline.media.rgb import RgbConverter
from tests.films import Picture, make_film, texture


def _look(path: Path) -> tuple[AnalysisFrame, Picture]:
    """A video's first analysis frame, and the same frame converted at full quality and resized to it."""
    facts = probe(str(path), path.stat().st_size)
    geometry = facts.geometry
    converter = RgbConverter(geometry)
    with Decoder(str(path)) as decoder:
        timed = next(decoder.frames())
        look = AnalysisFrameMaker(geometry, converter).make(0, timed, 1.0)
        return look, converter.rgb(timed.frame, *look.color.shape[1::-1])


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (1280, 720), (500, 282), (96, 64)])
def test_colours_are_those_of_the_full_quality_image(width: int, height: int, tmp_path: Path) -> None:
    smooth = np.asarray(cv2.GaussianBlur(texture(4, width, height), (31, 31), 0), np.uint8)
    make_film(tmp_path / "film.mp4", [smooth] * 3)
    look, image = _look(tmp_path / "film.mp4")
    assert min(look.luma.shape) <= 108
    assert look.luma.shape[1] / look.luma.shape[0] == pytest.approx(width / height, rel=0.02)
    assert look.color.shape[:2] == (look.luma.shape[0] // 2, look.luma.shape[1] // 2)
    assert np.abs(look.color.astype(int) - image).mean() < 2.5
    assert look.native().shape == (height, width)


@pytest.mark.parametrize("level", [0, 90, 255])
def test_luma_is_in_full_range(level: int, tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", [np.full((180, 320, 3), level, np.uint8)] * 3)
    look, _ = _look(tmp_path / "film.mp4")
    assert np.abs(look.luma.astype(int) - level).max() <= 2
    assert np.abs(look.native().astype(int) - level).max() <= 2


def test_an_image_file_is_looked_at_alike() -> None:
    image = texture(2, 640, 360)
    look = analyse_image(image)
    assert (look.luma.shape, look.color.shape, look.native().shape) == ((108, 192), (54, 96, 3), (360, 640))
    assert look.color.mean(axis=(0, 1)) == pytest.approx(image.mean(axis=(0, 1)), abs=1.5)

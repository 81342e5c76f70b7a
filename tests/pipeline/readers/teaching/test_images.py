"""Stills of labelled files: the frame displayed at each moment, in any order of the labels.

python -m pytest tests/pipeline/readers/teaching/test_images.py
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.readers.teaching.images import stills_of
from pipeline.stages.score.scorers.picture import decode
from schemas.errors import InputError, MediaError
from tests.films import Picture, make_film, texture


def greys(count: int) -> list[Picture]:
    """Images; number n has the grey level 10 n."""
    return [np.full((640, 1024, 3), 10 * number, np.uint8) for number in range(count)]


def level(still: bytes) -> int:
    return round(float(decode(still).mean()) / 10)


def test_gives_the_frame_on_display_in_the_order_asked_for(tmp_path: Path) -> None:
    make_film(tmp_path / "grey.mp4", greys(20), fps=4, start=1.5)
    stills = stills_of(tmp_path / "grey.mp4", [4.75, 0.0, 0.5, 0.3, 0.5, 1.0, 5.0])
    assert [level(still) for (still,) in stills] == [19, 0, 2, 1, 2, 4, 19]
    assert {decode(still).shape for (still,) in stills} == {(512, 819, 3)}


def test_a_file_without_a_moment_gives_stills_as_a_clip_has_them(tmp_path: Path) -> None:
    make_film(tmp_path / "grey.mp4", greys(20), fps=2)
    whole, single = stills_of(tmp_path / "grey.mp4", [None, 2.0])
    assert [level(still) for still in whole] == [2, 6, 10, 14, 18]
    assert [level(still) for still in single] == [4]


def test_a_picture_is_its_own_still(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "picture.png"), texture(3, 900, 600))
    ((still,),) = stills_of(tmp_path / "picture.png", [None])
    assert decode(still).shape == (512, 768, 3)


def test_a_moment_after_the_end_is_refused(tmp_path: Path) -> None:
    make_film(tmp_path / "grey.mp4", greys(4), fps=4)
    with pytest.raises(InputError, match=r"lasts 1.00 s, but a label is for 12 s"):
        stills_of(tmp_path / "grey.mp4", [0.5, 12.0])


def test_what_the_pipeline_refuses_is_refused_here(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no film\n")
    with pytest.raises(MediaError, match="text file"):
        stills_of(tmp_path / "notes.mp4", [0.0])

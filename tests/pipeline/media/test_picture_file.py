"""Picture files: read upright, or refused with the reason.

python -m pytest tests/pipeline/media/test_picture_file.py
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.media.picture_file import read_picture
from schemas.errors import MediaError
from tests.films import texture


def test_pictures_are_read_upright(tmp_path: Path) -> None:
    picture = texture(3, 60, 40)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(picture).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_picture(str(tmp_path / "turned.png")), np.rot90(picture, -1))


def test_a_cut_off_picture_is_refused(tmp_path: Path) -> None:
    Image.fromarray(texture(3)).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:5000])
    with pytest.raises(MediaError, match="picture that cannot be decoded"):
        read_picture(str(tmp_path / "half.png"))

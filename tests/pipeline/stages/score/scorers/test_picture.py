import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.score.scorers.picture import central_square, decode
from schemas.errors import MediaError
from tests.pipeline.stages.score.scorers.samples import jpeg, photograph


def test_decodes_to_rgb() -> None:
    red = np.zeros((20, 30, 3), np.uint8)
    red[:, :, 0] = 255
    pixels = decode(jpeg(red))
    assert pixels.shape == (20, 30, 3)
    assert pixels[10, 15, 0] > 250
    assert pixels[10, 15, 2] < 5


@pytest.mark.parametrize("image", [b"", b"no picture", photograph("coffee")[:20]])
def test_bytes_that_are_no_picture_are_named(image: bytes) -> None:
    with pytest.raises(MediaError, match="not a JPEG or PNG image"):
        decode(image)


@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_any_size_becomes_the_square(height: int, width: int) -> None:
    assert central_square(np.full((height, width, 3), 7, np.uint8), 64).tolist() == np.full((64, 64, 3), 7).tolist()


def test_keeps_the_centre_and_the_aspect() -> None:
    pixels = np.zeros((256, 512, 3), np.uint8)
    pixels[16:240, 144:368] = 255
    assert central_square(pixels, 224).min() == 255

"""The linear codec of single frames: any number of them, none of which knows of another."""

import numpy as np
import pytest
import torch

from schemas.errors import ConfigError
from tests.films import moving, texture
from training.encoders.linear import open_linear
from training.encoders.linear_frames import open_linear_frames


@pytest.mark.parametrize("frames", [1, 2, 8, 13])
def test_any_number_of_frames_goes_through_and_each_stands_alone(frames: int) -> None:
    codec, pixels = open_linear_frames(), np.stack(list(moving(texture(1, 300, 200), frames, (64, 48), (2, 1))))
    mean, std = codec.encode(pixels)
    assert mean.shape == (frames, 16, 6, 8)
    assert not std.any()
    assert codec.decode(mean).shape == pixels.shape
    for index in range(frames):
        assert torch.allclose(mean[index], open_linear().encode(pixels[index : index + 1])[0][0], atol=1e-5)


def test_it_keeps_more_of_moving_pictures_than_the_linear_codec_and_says_how_much() -> None:
    pixels = np.stack(list(moving(texture(2, 300, 200), 17, (96, 64), (3, 2))))
    errors = [
        np.mean((codec.decode(codec.encode(pixels)[0]).astype(float) - pixels) ** 2)
        for codec in (open_linear_frames(), open_linear())
    ]
    assert errors[0] < errors[1]
    assert open_linear_frames().name.startswith("linear 8x8 per frame (PSNR 27")
    assert open_linear_frames().identity != open_linear().identity


def test_sides_are_checked_and_no_frame_is_none() -> None:
    for shape, message in (((3, 40, 64, 3), "crop to 64x32"), ((0, 48, 64, 3), "1 frame or more, not 0; cut .* to 1")):
        with pytest.raises(ConfigError, match=message):
            open_linear_frames().encode(np.zeros(shape, np.uint8))

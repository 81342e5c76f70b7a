"""A sample is what its type says, or it is refused with its id."""

import numpy as np
import pytest
import torch

from schemas.errors import ConfigError
from training.data.batch import LatentSample, PixelSample
from training.data.shapes import ClipShape

SHAPE = ClipShape(32, 16, 9, 8)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((9, 32, 16, 3), np.uint8),  # width and height exchanged
        np.zeros((9, 16, 32, 3), np.float32),
        np.zeros((8, 16, 32, 3), np.uint8),
        np.zeros((3, 9, 16, 32), np.uint8),
    ],
)
def test_pixels_of_another_shape_or_kind_are_refused_by_name(pixels: np.ndarray) -> None:
    with pytest.raises(ConfigError, match=r"sample a: pixels .* expected \(9, 16, 32, 3\) uint8"):
        PixelSample(sample_id="a", clip_id="a", shape=SHAPE, pixels=pixels, caption="")


def test_latents_need_four_axes_and_a_deviation_of_the_same_shape() -> None:
    mean, text = torch.zeros(3, 16, 2, 4), torch.zeros(5, 12)
    LatentSample(sample_id="a", clip_id="a", shape=SHAPE, mean=mean, std=mean, text=text)
    with pytest.raises(ConfigError, match="sample a: mean and std must both be"):
        LatentSample(sample_id="a", clip_id="a", shape=SHAPE, mean=mean[0], std=mean[0], text=text)
    with pytest.raises(ConfigError, match="mean and std must both be"):
        LatentSample(sample_id="a", clip_id="a", shape=SHAPE, mean=mean, std=mean[:1], text=text)

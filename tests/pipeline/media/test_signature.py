"""Signatures: the same for one image however scaled or encoded, different for another image or broken colours.

python -m pytest tests/pipeline/media/test_signature.py
"""

import io
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest

from pipeline.media.encode import encode_h264, to_bt709
from pipeline.media.geometry import Geometry
from pipeline.media.rgb import RgbConverter
from pipeline.media.signature import Box, frame_signature, image_signature, matches_crop, signatures_differ
from tests.films import texture


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [(480, 320), (171, 97), (64, 48)])
def test_scaling_and_encoding_leave_an_image_what_it_is(seed: int, size: tuple[int, int]) -> None:
    image = texture(seed)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    assert not signatures_differ(image_signature(image), image_signature(small))
    frames = [to_bt709(image, av.video.reformatter.VideoReformatter()) for _ in range(3)]
    with cast(Any, av.open(io.BytesIO(encode_h264(frames, 8, 18, "veryfast")))) as container:
        decoded = list(container.decode(video=0))[1]
    shown = frame_signature(decoded, RgbConverter(Geometry(0, 480, 320)))
    assert not signatures_differ(image_signature(image), shown)


@pytest.mark.parametrize("seed", range(1, 12))
def test_another_image_has_another_signature(seed: int) -> None:
    assert signatures_differ(image_signature(texture(0)), image_signature(texture(seed)))


def test_lost_colours_and_a_broken_half_are_seen() -> None:
    image = texture(3)
    gray = np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert signatures_differ(image_signature(image), image_signature(gray))
    broken = image.copy()
    broken[-60:] = (0, 135, 0)
    assert signatures_differ(image_signature(image), image_signature(broken))


def test_flat_images_of_one_colour_do_not_differ_by_noise() -> None:
    random = np.random.default_rng(0)
    black, noisy = np.zeros((48, 64, 3), np.uint8), random.integers(0, 4, (48, 64, 3)).astype(np.uint8)
    assert not signatures_differ(image_signature(black), image_signature(noisy))


CROPS = [(0, 0, 480, 320), (60, 0, 360, 320), (0, 70, 480, 180), (150, 40, 200, 240)]


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("shape", [(384, 256), (96, 64), (256, 256)])
def test_a_crop_is_known_by_the_signature_of_its_frame(crop: Box, shape: tuple[int, int]) -> None:
    image = texture(5)
    left, top, width, height = crop
    shown = np.asarray(cv2.resize(image[top : top + height, left : left + width], shape), np.uint8)
    signature = image_signature(image)
    assert matches_crop(signature, shown, crop, (480, 320), share=0.5)
    moved = np.roll(shown, shape[0] // 40, axis=1)
    assert matches_crop(signature, moved, crop, (480, 320), share=0.5)
    for seed in range(6, 12):
        assert not matches_crop(image_signature(texture(seed)), shown, crop, (480, 320))


def test_a_crop_smaller_than_a_place_says_nothing() -> None:
    assert matches_crop(bytes(192), texture(1, 64, 48), (100, 100, 40, 30), (480, 320)) is None

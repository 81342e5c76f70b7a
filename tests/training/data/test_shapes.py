"""What a bucket's samples become in a stage, and how many tokens that is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.bucket import BUCKET_SETS, Bucket
from schemas.errors import ConfigError
from training.data.shapes import ClipShape, Geometry, Limits, limit

BUCKETS = [bucket for buckets in BUCKET_SETS.values() for bucket in buckets]


@pytest.mark.parametrize(
    ("bucket", "side", "seconds", "wanted"),
    [
        ("720x480x49@8", 256, 6, "384x256x49@8"),
        ("1360x768x161@16", 768, 10, "1360x768x161@16"),
        ("1360x768x161@16", 256, 6, "448x256x97@16"),
        ("384x256x33@8", 64, 2, "96x64x17@8"),
        ("384x256x33@8", 512, 60, "384x256x33@8"),  # nothing is enlarged
        ("256x384x1", 128, 6, "128x192x1"),
        ("384x256x17@8", 256, 0.5, "384x256x1"),  # what lasts less than eight frames is a picture
    ],
)
def test_limits_of_a_stage(bucket: str, side: int, seconds: float, wanted: str) -> None:
    assert str(limit(Bucket.parse(bucket), Limits(short_side=side, max_seconds=seconds))) == wanted


@given(st.sampled_from(BUCKETS), st.integers(16, 1024), st.floats(0.1, 20))
def test_whatever_the_limits_the_shape_is_one_that_vae_and_patches_take(
    bucket: Bucket, side: int, seconds: float
) -> None:
    shape = limit(bucket, Limits(short_side=side, max_seconds=seconds))
    assert shape.width % 16 == shape.height % 16 == 0
    assert (shape.frames - 1) % 8 == 0
    assert shape.width <= bucket.width
    assert shape.frames <= bucket.frames
    assert (shape.fps == 0) == (shape.frames == 1)
    assert shape.frames == 1 or (shape.frames - 1) / shape.fps <= seconds + 1e-6
    assert Bucket.parse(str(shape)).frames == shape.frames


def test_tokens_of_the_published_models() -> None:
    # CogVideoX at 480x720x49: 13 latent frames of 30 x 45 patches and 226 of text (2408.06072, section 3.1).
    clip = ClipShape(720, 480, 49, 8)
    assert Geometry().tokens(clip) == 226 + 13 * 30 * 45
    # 1.5: 81 frames are 21 latents, the first repeated to 22, two to a patch.
    longer = Geometry(patch_frames=2, text_length=224)
    assert longer.latent(ClipShape(1360, 768, 81, 16)) == (22, 96, 170)
    assert longer.tokens(ClipShape(1360, 768, 81, 16)) == 224 + 11 * 48 * 85
    assert longer.tokens(ClipShape(256, 256, 1, 0)) == 224 + 16 * 16


@pytest.mark.parametrize("text", ["384x256x33@8", "32x32x4@24", "512x512x24@29.97", "128x192x1"])
def test_a_shape_is_read_back_with_any_number_of_frames(text: str) -> None:
    assert str(ClipShape.parse(text)) == text


@pytest.mark.parametrize("text", ["", "384x256", "384x256x33@fast"])
def test_other_texts_are_no_shapes(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a shape; write WIDTHxHEIGHTxFRAMES@FPS"):
        ClipShape.parse(text)

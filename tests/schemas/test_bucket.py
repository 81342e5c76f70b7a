"""Buckets: written and read, the shape rules, and which clip goes where.

python -m pytest tests/schemas/test_bucket.py
"""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schemas.bucket import BUCKET_SETS, TIME_TOLERANCE, Assignment, Bucket, Shape, assign
from schemas.errors import BucketError

ALL = tuple(bucket for buckets in BUCKET_SETS.values() for bucket in buckets)
rates = st.decimals(Decimal("0.1"), Decimal(240), places=6).map(float)
videos = st.builds(
    lambda width, height, groups, fps: Bucket(16 * width, 16 * height, 8 * groups + 1, fps),
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(1, 40),
    rates,
)
images = st.builds(
    lambda width, height: Bucket(16 * width, 16 * height, 1, 0), st.integers(1, 200), st.integers(1, 200)
)
shapes = st.builds(
    Shape,
    width=st.integers(16, 4000),
    height=st.integers(16, 4000),
    duration=st.floats(0, 60),
    fps=st.floats(1, 120),
    is_image=st.booleans(),
)


def _clip(width: int, height: int, duration: float, fps: float) -> Shape:
    return Shape(width=width, height=height, duration=duration, fps=fps, is_image=False)


def _assigned(shape: Shape, *buckets: Bucket) -> Assignment:
    assigned = assign(shape, buckets)
    assert isinstance(assigned, Assignment), assigned
    return assigned


@given(st.one_of(videos, images))
def test_a_bucket_reads_back_as_it_was_written(bucket: Bucket) -> None:
    assert Bucket.parse(str(bucket)) == bucket


@given(st.one_of(videos, images), st.one_of(videos, images))
def test_slugs_tell_buckets_apart_and_hold_no_dots(first: Bucket, second: Bucket) -> None:
    assert (first.slug == second.slug) == (first == second)
    assert not set(first.slug) & set(".@/")


@pytest.mark.parametrize(
    "text", ["384x256", "384x256x49@", "384x256x49@8fps", "x256x1", "384 x 256 x 1", "", "-16x16x1"]
)
def test_unreadable_text_shows_the_form(text: str) -> None:
    with pytest.raises(BucketError, match="WIDTHxHEIGHTxFRAMES@FPS"):
        Bucket.parse(text)


@given(st.integers(1, 400))
def test_frames_must_suit_the_vae_and_the_nearest_count_is_named(frames: int) -> None:
    if frames % 8 == 1:
        assert Bucket(64, 64, frames, 8 if frames > 1 else 0).frames == frames
        return
    with pytest.raises(BucketError, match="1 or 8k\\+1") as caught:
        Bucket(64, 64, frames, 8)
    nearest = int(str(caught.value).rsplit(" ", 1)[1])
    assert nearest % 8 == 1
    assert abs(nearest - frames) <= 4


@pytest.mark.parametrize(("width", "height"), [(100, 64), (64, 100), (0, 64), (-16, 64)])
def test_sizes_must_be_multiples_of_sixteen(width: int, height: int) -> None:
    with pytest.raises(BucketError, match="positive multiples of 16"):
        Bucket(width, height, 17, 8)


@pytest.mark.parametrize("text", ["64x64x1@8", "64x64x17"])
def test_only_films_have_a_rate(text: str) -> None:
    with pytest.raises(BucketError, match="one frame means an image"):
        Bucket.parse(text)


@given(shapes, st.lists(st.sampled_from(ALL), min_size=1), st.booleans())
def test_every_shape_is_assigned_within_its_means_or_gets_a_reason(
    shape: Shape, buckets: list[Bucket], allow_upscale: bool
) -> None:
    assigned = assign(shape, buckets, allow_upscale)
    if isinstance(assigned, str):
        assert assigned
        return
    bucket = assigned.bucket
    assert bucket in buckets
    assert bucket.is_image == shape.is_image
    assert allow_upscale or (bucket.width <= shape.width and bucket.height <= shape.height)
    assert 0 < assigned.kept <= 1
    assert assigned.samples >= 1
    if shape.is_image:
        assert assigned.samples == 1
        return
    # The last frame of the last sample stands within half a bucket frame of the clip's own last frame.
    last_wanted = ((assigned.samples - 1) * bucket.frames + bucket.frames - 1) / bucket.fps
    assert last_wanted <= shape.duration - 1 / shape.fps + 0.5 / bucket.fps + TIME_TOLERANCE + 1e-9
    # One more sample would not fit.
    assert last_wanted + bucket.seconds > shape.duration - 1 / shape.fps + 0.5 / bucket.fps


@given(shapes, st.lists(st.sampled_from(ALL), min_size=1, unique=True))
def test_the_order_of_the_buckets_does_not_matter(shape: Shape, buckets: list[Bucket]) -> None:
    assert assign(shape, buckets) == assign(shape, list(reversed(buckets)))


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(shapes, st.sampled_from(ALL))
def test_a_longer_clip_is_never_refused_where_a_shorter_one_fits(shape: Shape, bucket: Bucket) -> None:
    assume(isinstance(assign(shape, [bucket]), Assignment))
    longer = Shape(
        width=shape.width, height=shape.height, duration=shape.duration + 1, fps=shape.fps, is_image=shape.is_image
    )
    assert isinstance(assign(longer, [bucket]), Assignment)


def test_a_wide_clip_goes_to_the_wide_bucket_and_a_tall_one_to_the_tall() -> None:
    cogvideox = BUCKET_SETS["cogvideox"]
    assert str(_assigned(_clip(1280, 720, 6.0, 24), *cogvideox).bucket) == "720x480x49@8"
    assert str(_assigned(_clip(720, 1280, 6.0, 24), *cogvideox).bucket) == "480x720x49@8"


@pytest.mark.parametrize(
    ("duration", "fps", "fits"),
    [(2.0, 24, True), (2.0, 8, False), (2.125, 8, True), (1.9, 24, False), (2.0, 23.976, True)],
)
def test_seventeen_frames_need_their_last_one_to_be_reached(duration: float, fps: float, fits: bool) -> None:
    assigned = assign(_clip(384, 256, duration, fps), [Bucket.parse("384x256x17@8")])
    assert isinstance(assigned, Assignment) == fits
    assert fits or "shorter than" in str(assigned)


def test_long_clips_give_samples_one_after_the_other() -> None:
    bucket = Bucket.parse("384x256x17@8")
    assert _assigned(_clip(384, 256, 2 * 17 / 8, 24), bucket).samples == 2
    assert _assigned(_clip(384, 256, 3 * 17 / 8 - 0.2, 24), bucket).samples == 2


def test_refusals_name_what_is_too_small() -> None:
    bucket = Bucket.parse("384x256x17@8")
    assert "320x256 is smaller than 384x256x17@8" in str(assign(_clip(320, 256, 5, 24), [bucket]))
    assert "5.00 frames/s is less than the 8" in str(assign(_clip(384, 256, 5, 5), [bucket]))
    assert "no image bucket" in str(assign(Shape(width=384, height=256, duration=0, fps=0, is_image=True), [bucket]))


def test_a_clip_smaller_than_the_bucket_fits_only_if_it_may_be_enlarged() -> None:
    small, bucket = _clip(320, 200, 5, 24), Bucket.parse("384x256x17@8")
    assert isinstance(assign(small, [bucket]), str)
    assert isinstance(assign(small, [bucket], allow_upscale=True), Assignment)

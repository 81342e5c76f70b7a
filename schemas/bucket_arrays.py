"""The bucket rule of `bucket.py` for many clips at once, with the same result to the last bit.

    assigned = assign_all(shapes, buckets)
    assigned.buckets[0]                         # the place of the first clip's bucket in `buckets`; -1: none fits

Why none fits is said by `assign`, clip by clip: few clips need a sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.bucket import RATE_TOLERANCE, TIME_TOLERANCE, Bucket, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """What the rule reads of N clips: arrays [N] of pixels, seconds, frames per second, and whether it is an image."""

    width: NDArray[np.int64]
    height: NDArray[np.int64]
    duration: NDArray[np.float64]
    fps: NDArray[np.float64]
    is_image: NDArray[np.bool_]

    def __len__(self) -> int:
        """The number of clips."""
        return len(self.width)

    def shape(self, place: int) -> Shape:
        """One of them."""
        return Shape(
            width=int(self.width[place]),
            height=int(self.height[place]),
            duration=float(self.duration[place]),
            fps=float(self.fps[place]),
            is_image=bool(self.is_image[place]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """Of N clips the place of the bucket in the list that was given, -1 where none fits, and the number of samples."""

    buckets: NDArray[np.int64]
    samples: NDArray[np.int64]


def assign_all(shapes: Shapes, buckets: Sequence[Bucket], allow_upscale: bool = False) -> Assigned:
    """The best bucket of every clip, as `assign` chooses it."""
    chosen, samples = np.full(len(shapes), -1, np.int64), np.zeros(len(shapes), np.int64)
    best = np.full(len(shapes), -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        # In their order, so that of equals the later, larger one wins.
        for place in sorted(range(len(buckets)), key=lambda place: buckets[place]):
            bucket = buckets[place]
            kept = _kept(shapes, bucket)
            better = _fits(shapes, bucket, allow_upscale) & (kept >= best)
            best[better], chosen[better] = kept[better], place
            samples[better] = _samples(shapes, bucket, better)
    return Assigned(buckets=chosen, samples=samples)


def _needed_seconds(bucket: Bucket, fps: NDArray[np.float64]) -> NDArray[np.float64]:
    needed: NDArray[np.float64] = (bucket.frames - 1.5) / bucket.fps + 1 / fps
    return needed


def _fits(shapes: Shapes, bucket: Bucket, allow_upscale: bool) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = shapes.is_image == bucket.is_image
    if not allow_upscale:
        fits &= (shapes.width >= bucket.width) & (shapes.height >= bucket.height)
    if not bucket.is_image:
        fits &= shapes.fps >= bucket.fps * (1 - RATE_TOLERANCE)
        fits &= shapes.duration >= _needed_seconds(bucket, shapes.fps) - TIME_TOLERANCE
    return fits


def _samples(shapes: Shapes, bucket: Bucket, those: NDArray[np.bool_]) -> NDArray[np.int64] | int:
    if bucket.is_image:
        return 1
    rest = shapes.duration[those] - _needed_seconds(bucket, shapes.fps[those]) + TIME_TOLERANCE
    samples: NDArray[np.int64] = 1 + (rest // bucket.seconds).astype(np.int64)
    return samples


def _kept(shapes: Shapes, bucket: Bucket) -> NDArray[np.float64]:
    scale = np.maximum(bucket.width / shapes.width, bucket.height / shapes.height)
    crop_share = (bucket.width * bucket.height) / (shapes.width * shapes.height * scale * scale)
    seconds = bucket.seconds
    time_share = 1.0 if bucket.is_image else np.minimum(1.0, seconds / np.maximum(shapes.duration, seconds))
    kept: NDArray[np.float64] = np.minimum(1.0, scale) * (crop_share * crop_share) * time_share
    return kept

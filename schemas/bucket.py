"""Training buckets: the exact shapes of training samples, and the rule that assigns a clip to one of them.

A bucket is written `WIDTHxHEIGHTxFRAMES@FPS` (`384x256x49@8`); an image bucket has one frame and no rate
(`384x256x1`). Frame counts are 1 or 8k+1: the causal 3D VAE keeps the first frame and compresses every following 8
frames (4 by the VAE, 2 by the transformer's temporal patch in CogVideoX 1.5) without padding; CogVideoX's own counts
17, 33, 49, 81, 161 all have this form. Width and height are multiples of 16 (VAE stride 8 times patch size 2).

    python -m schemas.bucket 1280 720 6.0 24        # the bucket of a 6 s clip of 1280x720 at 24 fps, in each named set
"""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.errors import BucketError

SIZE_MULTIPLE = 16
FRAME_STRIDE = 8
# A clip of exactly F frames must not be lost because presentation times are rounded (to 1 ms in most containers).
TIME_TOLERANCE = 0.002
# 23.976 fps counts as 24, 29.97 as 30, and a source of 7.9 fps still fills a bucket of 8.
RATE_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """One exact training shape: `width` x `height` pixels, `frames` frames, `fps` (0 for images)."""

    width: int
    height: int
    frames: int
    fps: float

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0 or self.width % SIZE_MULTIPLE or self.height % SIZE_MULTIPLE:
            raise BucketError(f"bucket {self}: width and height must be positive multiples of {SIZE_MULTIPLE}")
        if self.frames < 1 or (self.frames - 1) % FRAME_STRIDE:
            nearest = max(0, round((self.frames - 1) / FRAME_STRIDE)) * FRAME_STRIDE + 1
            raise BucketError(f"bucket {self}: frames must be 1 or 8k+1 for the VAE; the nearest is {nearest}")
        if (self.frames == 1) != (self.fps == 0):
            raise BucketError(f"bucket {self}: one frame means an image without @FPS; more frames need @FPS > 0")

    def __str__(self) -> str:
        size = f"{self.width}x{self.height}x{self.frames}"
        return f"{size}@{self._rate}" if self.fps else size

    @property
    def _rate(self) -> str:
        """The rate as the shortest text that parses to it."""
        return repr(float(self.fps)).removesuffix(".0")

    @property
    def is_image(self) -> bool:
        """Whether the samples are images."""
        return self.frames == 1

    @property
    def slug(self) -> str:
        """The bucket as a folder name and as a part of sample ids, without dots and `@`."""
        return f"{self.width}x{self.height}x{self.frames}" + (f"-{self._rate}fps".replace(".", "p") if self.fps else "")

    @property
    def seconds(self) -> float:
        """Duration from the start of the first to the end of the last frame; 0 for images."""
        return self.frames / self.fps if self.fps else 0.0

    def needed_seconds(self, source_fps: float) -> float:
        """The least duration of a clip at `source_fps`: its last frame is within half a frame of the bucket's last."""
        return (self.frames - 1.5) / self.fps + 1 / source_fps if self.fps else 0.0

    @classmethod
    def parse(cls, text: str) -> "Bucket":
        """Parse `WxHxF@FPS` or `WxHx1`. Raises `BucketError` that names the text and the form."""
        match = re.fullmatch(r"(\d+)x(\d+)x(\d+)(?:@(\d+(?:\.\d+)?))?", text.strip())
        if not match:
            raise BucketError(f"bucket {text!r}: write WIDTHxHEIGHTxFRAMES@FPS, for example 384x256x49@8")
        width, height, frames, fps = match.groups()
        return cls(int(width), int(height), int(frames), float(fps or 0))


def _set(sizes: Sequence[tuple[int, int]], frames: Sequence[int], fps: float) -> tuple[Bucket, ...]:
    videos = [Bucket(width, height, count, fps) for width, height in sizes for count in frames]
    return (*videos, *(Bucket(width, height, 1, 0) for width, height in sizes))


BUCKET_SETS: dict[str, tuple[Bucket, ...]] = {
    # CogVideoX (2408.06072): 480p at 8 fps, 49 frames; shorter counts from its mixed-duration training.
    "cogvideox": _set([(720, 480), (480, 720)], [17, 33, 49], 8),
    # CogVideoX 1.5: 1360x768 at 16 fps, 5 s and 10 s.
    "cogvideox-1.5": _set([(1360, 768), (768, 1360)], [81, 161], 16),
    # The first, low-resolution stage of training; the embedded profile's default.
    "first-stage": _set([(384, 256), (256, 384), (256, 256)], [17, 33, 49], 8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A clip's displayed size in pixels, duration in seconds, frames per second, and whether it is an image."""

    width: int
    height: int
    duration: float
    fps: float
    is_image: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A clip's bucket, its number of samples, and the rule's score of what one sample keeps of the clip, 0 to 1."""

    bucket: Bucket
    samples: int
    kept: float


def assign(shape: Shape, buckets: Iterable[Bucket], allow_upscale: bool = False) -> Assignment | str:
    """The best bucket for a clip, or a sentence that says why none fits.

    A bucket fits a clip that is at least as large in both directions, has at least the bucket's frame rate, and reaches
    its last frame (within half a bucket frame). Of the fitting buckets the one wins whose sample keeps most of the
    clip: share of the resolution (linear) x share of the duration x square of the share that the centre crop leaves.
    The crop is squared because cropped pixels are lost, while scaled ones are only smaller. Ties go to the larger, then
    the longer bucket. A long clip gives several samples, one after another without overlap.
    """
    candidates = [bucket for bucket in buckets if bucket.is_image == shape.is_image]
    if not candidates:
        return f"no {'image' if shape.is_image else 'video'} bucket is configured"
    refusals: list[tuple[float, str]] = []
    fitting: list[Assignment] = []
    for bucket in candidates:
        refusal = _refusal(shape, bucket, allow_upscale)
        if refusal:
            refusals.append((bucket.width * bucket.height * bucket.frames, refusal))
            continue
        fitting.append(Assignment(bucket=bucket, samples=_samples(shape, bucket), kept=_kept(shape, bucket)))
    if not fitting:
        return f"fits none of {len(candidates)} buckets; the smallest refuses it: {min(refusals)[1]}"
    return max(fitting, key=lambda assignment: (assignment.kept, assignment.bucket))


def _refusal(shape: Shape, bucket: Bucket, allow_upscale: bool) -> str | None:
    if not allow_upscale and (shape.width < bucket.width or shape.height < bucket.height):
        return f"{shape.width}x{shape.height} is smaller than {bucket} (pack.allow_upscale would enlarge it)"
    if bucket.is_image:
        return None
    if shape.fps < bucket.fps * (1 - RATE_TOLERANCE):
        return f"{shape.fps:.2f} frames/s is less than the {bucket.fps:g} of {bucket}"
    needed = bucket.needed_seconds(shape.fps)
    if shape.duration < needed - TIME_TOLERANCE:
        return f"{shape.duration:.2f} s is shorter than the {needed:.2f} s that {bucket} needs"
    return None


def _samples(shape: Shape, bucket: Bucket) -> int:
    if bucket.is_image:
        return 1
    return 1 + int((shape.duration - bucket.needed_seconds(shape.fps) + TIME_TOLERANCE) // bucket.seconds)


def _kept(shape: Shape, bucket: Bucket) -> float:
    scale = max(bucket.width / shape.width, bucket.height / shape.height)
    crop_share = (bucket.width * bucket.height) / (shape.width * shape.height * scale * scale)
    time_share = 1.0 if bucket.is_image else min(1.0, bucket.seconds / max(shape.duration, bucket.seconds))
    return min(1.0, scale) * (crop_share * crop_share) * time_share


def main() -> None:
    """Print the bucket of a clip of the given width, height, seconds and fps in each named set."""
    width, height, duration, fps = (float(text) for text in sys.argv[1:5])
    shape = Shape(width=int(width), height=int(height), duration=duration, fps=fps, is_image=False)
    for name, buckets in BUCKET_SETS.items():
        result = assign(shape, buckets)
        if not isinstance(result, str):
            result = f"{result.bucket}, {result.samples} samples, keeps {result.kept:.0%}"
        print(f"{name:14} {result}")


if __name__ == "__main__":
    main()

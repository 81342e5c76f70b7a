"""Shapes: from a bucket and a stage's limits to a clip's shape, its latents, and its tokens.

A stage of progressive training limits a clip's short side and duration (CogVideoX, 2408.06072, section 3.2: 256, 512,
768, with the aspect ratio kept). One function computes a sample's shape in a stage, so the plan, the loader, the latent
cache and the doctor always agree.

    shape = limit(Bucket.parse("768x480x49@8"), Limits(short_side=256, max_seconds=6))
    tokens = Geometry().tokens(shape)
"""

from dataclasses import dataclass

from schemas.bucket import FRAME_STRIDE, SIZE_MULTIPLE, Bucket
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class ClipShape:
    """Shape of a clip in training: `width` and `height` in pixels, `frames` (1 or 8k+1), `fps` (0: an image)."""

    width: int
    height: int
    frames: int
    fps: float

    def __str__(self) -> str:
        size = f"{self.width}x{self.height}x{self.frames}"
        return f"{size}@{repr(float(self.fps)).removesuffix('.0')}" if self.fps else size

    @classmethod
    def parse(cls, text: str) -> "ClipShape":
        """The inverse of `str`. Unlike a bucket it may have any number of frames, as clips of `just tune` have.

        Raises `ConfigError` for any other text.
        """
        size, _, fps = text.partition("@")
        try:
            width, height, frames = (int(number) for number in size.split("x"))
            return cls(width, height, frames, float(fps or 0))
        except ValueError:
            raise ConfigError(f"{text!r} is not a shape; write WIDTHxHEIGHTxFRAMES@FPS") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A stage's upper limits: the short side in pixels, and the seconds from the first to the last frame.

    As CogVideoX counts, 6 s at 8 frames per second are 49 frames, and 10 s at 16 are 161.
    """

    short_side: int
    max_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The VAE's strides, the transformer's patch size, and the fixed number of text tokens."""

    spatial_stride: int = 8
    temporal_stride: int = 4
    patch: int = 2
    patch_frames: int = 1
    text_length: int = 226

    def latent(self, shape: ClipShape) -> tuple[int, int, int]:
        """Frames, height and width of the latents.

        The first frame is encoded alone, and is repeated until the frame count divides by `patch_frames`.
        """
        frames = 1 + (shape.frames - 1) // self.temporal_stride
        frames += -frames % self.patch_frames
        return frames, shape.height // self.spatial_stride, shape.width // self.spatial_stride

    def tokens(self, shape: ClipShape) -> int:
        """Tokens of the sample's segment: text and patches."""
        frames, height, width = self.latent(shape)
        return self.text_length + (frames // self.patch_frames) * (height // self.patch) * (width // self.patch)


def limit(bucket: Bucket, limits: Limits) -> ClipShape:
    """The shape of a bucket's samples within a stage's limits: scaled down, aspect ratio kept, and truncated in time.

    Sides are the nearest multiples of 16, frames the largest 1 or 8k+1 within the duration. Nothing is enlarged.
    """
    scale = min(1.0, limits.short_side / min(bucket.width, bucket.height))
    width, height = (
        max(1, round(side * scale / SIZE_MULTIPLE)) * SIZE_MULTIPLE for side in (bucket.width, bucket.height)
    )
    if bucket.is_image:
        return ClipShape(width, height, 1, 0.0)
    strides = int(limits.max_seconds * bucket.fps + 1e-6) // FRAME_STRIDE
    frames = min(bucket.frames, strides * FRAME_STRIDE + 1)
    return ClipShape(width, height, frames, bucket.fps if frames > 1 else 0.0)

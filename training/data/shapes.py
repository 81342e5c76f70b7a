"""What a sample costs: from a bucket and a stage's limits to a clip's shape, its latents, and its tokens.

A stage of progressive training shows a clip at no more than its short side and duration (CogVideoX, 2408.06072,
section 3.2: 256, 512, 768, aspect kept). Whatever the stage, one function says what a sample becomes, so the plan, the
loader, the latent cache and the doctor cannot disagree.

    python -m pytest tests/training/data/test_shapes.py
"""

from dataclasses import dataclass

from schemas.bucket import FRAME_STRIDE, SIZE_MULTIPLE, Bucket


@dataclass(frozen=True, slots=True, order=True)
class ClipShape:
    """Pixels of a clip as it is trained: `width`, `height`, `frames` (1 or 8k+1), frames per second (0: an image)."""

    width: int
    height: int
    frames: int
    fps: float

    def __str__(self) -> str:
        size = f"{self.width}x{self.height}x{self.frames}"
        return f"{size}@{repr(float(self.fps)).removesuffix('.0')}" if self.fps else size


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a stage shows at most: the short side in pixels, and the seconds from the first to the last frame.

    So 6 s at 8 frames per second are 49 frames, and 10 s at 16 are 161, as CogVideoX counts.
    """

    short_side: int
    max_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How a model reads pixels: the VAE's strides, the transformer's patch, and the fixed number of text tokens."""

    spatial_stride: int = 8
    temporal_stride: int = 4
    patch: int = 2
    patch_frames: int = 1
    text_length: int = 226

    def latent(self, shape: ClipShape) -> tuple[int, int, int]:
        """Frames, height and width of the latents; the first frame stands alone, and is repeated until q divides."""
        frames = 1 + (shape.frames - 1) // self.temporal_stride
        frames += -frames % self.patch_frames
        return frames, shape.height // self.spatial_stride, shape.width // self.spatial_stride

    def tokens(self, shape: ClipShape) -> int:
        """Length of the sample's segment: text and patches."""
        frames, height, width = self.latent(shape)
        return self.text_length + (frames // self.patch_frames) * (height // self.patch) * (width // self.patch)


def limit(bucket: Bucket, limits: Limits) -> ClipShape:
    """A bucket's samples within a stage's limits: scaled down with the aspect kept, and the first frames of them.

    Sides are the nearest multiples of 16, frames the largest 1 or 8k+1 that lasts no longer. Nothing is enlarged.
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

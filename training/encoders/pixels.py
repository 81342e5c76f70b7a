"""Checks a codec's input before any network runs: uint8, sides that are multiples of 16, 1 or 8k+1 frames.

Per-frame codecs take any number of frames. CogVideoX's VAE accepts other clips silently and changes their shape: 13
frames come out as 16, and 36 rows as 32.

    check_pixels(pixels, codec.name, frame_stride=1)
"""

import numpy as np
from numpy.typing import NDArray

from schemas.bucket import FRAME_STRIDE, SIZE_MULTIPLE
from schemas.errors import ConfigError


def check_pixels(pixels: NDArray[np.uint8], codec: str, frame_stride: int = FRAME_STRIDE) -> None:
    """Raise `ConfigError` unless pixels are uint8 [1 or `frame_stride` * k + 1, 16m, 16n, 3]."""
    if pixels.ndim != 4 or pixels.shape[-1] != 3 or pixels.dtype != np.uint8:
        raise ConfigError(f"{codec} takes uint8 [frames, height, width, 3], not {pixels.dtype} {pixels.shape}")
    frames, height, width, _ = pixels.shape
    if frames < 1 or (frames - 1) % frame_stride:
        nearest = max(0, round((frames - 1) / frame_stride)) * frame_stride + 1
        taken = "1 frame or more" if frame_stride == 1 else f"1 or {frame_stride}k+1 frames"
        raise ConfigError(f"{codec} takes {taken}, not {frames}; cut the clip to {nearest}")
    if min(height, width) < SIZE_MULTIPLE or height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise ConfigError(
            f"{codec} takes sides that divide by {SIZE_MULTIPLE}, not {width}x{height}; "
            f"crop to {width // SIZE_MULTIPLE * SIZE_MULTIPLE}x{height // SIZE_MULTIPLE * SIZE_MULTIPLE}"
        )

"""What one object of the bucket may cost: size, pixels, length, streams, decoding time and memory.

    limits:
      pixels: 200000000        # pictures of phones with 200 megapixels
      seconds: 360000          # recordings of four days

A limit says what is refused, not what a result is, so none is part of a fingerprint: after a change, `just retry` tries
again what was refused, and nothing else is computed anew.
"""

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Bounds on one object, each with the reason of its default. What exceeds one is a failed row that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    pixels: int = Field(default=1 << 26, ge=1)
    """Pixels of a picture, as stored. 8192 x 8192: every camera up to 60 megapixels, and a decoded picture with its
    copies stays under 1 GB."""
    frame_pixels: int = Field(default=8192 * 4320, ge=1)
    """Pixels of a film's frame, as stored. 8192 x 4320, the largest 8K: a decoder holds several frames at once, and
    those of an animated picture, at four bytes a pixel, stay under 1 GB."""
    object_gigabytes: float = Field(default=256.0, gt=0)
    """Size of an object, 10^9 bytes: an hour of 8K in a mezzanine codec."""
    seconds: float = Field(default=360000.0, gt=0)
    """Length that a container claims: four days; the clock of MPEG streams, which goes round after a day, fits."""
    frames: int = Field(default=6_000_000, ge=1)
    """Frames of a video stream: a day at 60 frames/s and more."""
    streams: int = Field(default=128, ge=1)
    """Streams of a container: a broadcast multiplex has some dozens."""
    decode_seconds: float = Field(default=60.0, gt=0)
    """CPU seconds that decoding may take for a second of media, beyond a first minute: 8K at 60 frames/s takes ten."""
    worker_gigabytes: float = Field(default=8.0, gt=0)
    """Memory, 10^9 bytes, that a worker may take beyond what its stage holds once built. A worker over it is ended,
    which costs the row that it holds."""

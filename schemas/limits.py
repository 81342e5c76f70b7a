"""Limits on one object of the bucket: size, pixels, duration, streams, decoding time and memory.

    limits:
      pixels: 200000000        # images of phones with 200 megapixels
      seconds: 360000          # recordings of four days

Limits decide what is refused, not what a result is, so they are not part of fingerprints: after a change, `just retry`
tries refused objects again, and nothing else is computed anew.
"""

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Bounds on one object, each with the reason for its default. An object over one is a failed row that names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    pixels: int = Field(default=1 << 26, ge=1)
    """Pixels of an image, as stored. 8192 x 8192: every camera up to 60 megapixels, and a decoded image with its
    copies stays under 1 GB."""
    frame_pixels: int = Field(default=8192 * 4320, ge=1)
    """Pixels of a video frame, as stored. 8192 x 4320, the largest 8K: a decoder holds several frames at once, and
    those of an animated image, at four bytes per pixel, stay under 1 GB."""
    object_gigabytes: float = Field(default=256.0, gt=0)
    """Size of an object, 10^9 bytes: an hour of 8K in a mezzanine codec."""
    seconds: float = Field(default=360000.0, gt=0)
    """Duration that a container claims: four days, more than the day after which the clock of MPEG streams wraps."""
    frames: int = Field(default=6_000_000, ge=1)
    """Frames of a video stream: more than a day at 60 frames/s."""
    streams: int = Field(default=128, ge=1)
    """Streams of a container: a broadcast multiplex has some dozens."""
    decode_seconds: float = Field(default=60.0, gt=0)
    """CPU seconds of decoding per second of media, beyond a first minute: 8K at 60 frames/s takes ten."""
    worker_gigabytes: float = Field(default=8.0, gt=0)
    """Memory of a worker, 10^9 bytes, beyond what its stage needs once built. A worker over the limit is ended, and the
    row that it works on fails."""

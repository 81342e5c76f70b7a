"""How the frames of a video are displayed: size, pixel aspect, rotation, mirroring.

Containers and codecs store this as a display matrix (ISO/IEC 14496-12, 8.3.2): a quarter turn for a phone held upright,
a reflection for its front camera. A frame carries the matrix; `geometry_of` reads it.

    geometry = geometry_of(frame, pixel_aspect(stream))
"""

import math
import struct
from dataclasses import dataclass
from typing import Any, cast

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.stream import VideoStream
from numpy.typing import NDArray

from schemas.errors import MediaError

# The widest pixels of any standard are 160:99 (ITU-T H.264, table E-1) and 2:1 for the squeezed halves of stereo video;
# beyond this the number in the file is a mistake, and the displayed image would be a line.
MAX_PIXEL_ASPECT = 8.0


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a source is displayed: mirrored left to right if `mirrored`, then rotated clockwise by `rotation`.

    `rotation` is a multiple of 90 degrees; `width` and `height` are those of the displayed image in pixels.
    """

    rotation: int
    width: int
    height: int
    mirrored: bool = False

    def fitted(self, short_side: int) -> tuple[int, int]:
        """(width, height) with the short side at most `short_side`, aspect kept, never enlarged, at least 1."""
        scale = min(1.0, short_side / min(self.width, self.height))
        return max(1, round(self.width * scale)), max(1, round(self.height * scale))

    @property
    def is_as_coded(self) -> bool:
        """Whether the coded frame is displayed without rotation or mirroring."""
        return self.rotation % 360 == 0 and not self.mirrored

    def upright(self, image: Any) -> NDArray[np.uint8]:
        """A coded image uint8 [H, W, ...] as displayed."""
        if self.mirrored:
            image = image[:, ::-1]
        turned = np.rot90(image, -self.rotation // 90) if self.rotation % 360 else image
        return np.ascontiguousarray(turned, np.uint8)


def geometry_of(frame: av.VideoFrame, pixel_aspect: float) -> Geometry:
    """The geometry of a frame whose pixels are `pixel_aspect` times as wide as high.

    Raises `MediaError` for a pixel aspect beyond 8:1 or 1:8.
    """
    if not 1 / MAX_PIXEL_ASPECT <= pixel_aspect <= MAX_PIXEL_ASPECT:
        raise MediaError(
            f"pixel aspect {pixel_aspect:g}, which must be between {1 / MAX_PIXEL_ASPECT:g} and "
            f"{MAX_PIXEL_ASPECT:g}: correct the pixel aspect in its header"
        )
    rotation, mirrored = orientation_of(frame)
    displayed = (max(1, round(frame.width * pixel_aspect)), frame.height)
    turned = rotation % 180 != 0
    return Geometry(rotation, displayed[turned], displayed[not turned], mirrored)


def pixel_aspect(stream: VideoStream) -> float:
    """Pixel width over height, from the container or else the codec; 1 where neither states it.

    During decoding the codec's value is that of the latest sequence header.
    """
    context = stream.codec_context.sample_aspect_ratio
    return float(stream.sample_aspect_ratio or context or 1) or 1.0


def orientation_of(frame: av.VideoFrame) -> tuple[int, bool]:
    """Clockwise rotation in degrees (0, 90, 180, 270), and whether to mirror left to right before it."""
    for entry in cast(Any, frame.side_data):
        if entry.type == Type.DISPLAYMATRIX:
            a, b, _, c, d = struct.unpack("=5i", bytes(entry)[:20])  # FFmpeg keeps it in the machine's byte order
            mirrored = a * d - b * c < 0
            if mirrored:  # what remains after the reflection is a rotation
                a, b = -a, -b
            return round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360, mirrored
    return 0, False

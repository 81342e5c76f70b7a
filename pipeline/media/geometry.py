"""How the pictures of a film are to be shown: their size, the shape of a pixel, which way up, mirrored or not.

Containers and codecs say it with a display matrix (ISO/IEC 14496-12, 8.3.2): a quarter turn for a phone held upright,
a reflection for its front camera. A frame carries the matrix; `geometry_of` reads it.

    python -m pytest tests/pipeline/media/test_geometry.py
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

# The widest pixels that any standard knows are 160:99 (ITU-T H.264, table E-1) and 2:1 for squeezed halves of
# stereo films; beyond this a file's number is a mistake, and a picture of that shape would be a line.
MAX_PIXEL_ASPECT = 8.0


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a source is to be shown: mirrored left to right, then turned clockwise, to a size in pixels.

    `rotation` is a multiple of 90 degrees; `width` and `height` are those of the displayed picture.
    """

    rotation: int
    width: int
    height: int
    mirrored: bool = False

    def fitted(self, short_side: int) -> tuple[int, int]:
        """Width and height with the short side at most `short_side`, aspect kept, never enlarged, at least 1."""
        scale = min(1.0, short_side / min(self.width, self.height))
        return max(1, round(self.width * scale)), max(1, round(self.height * scale))

    @property
    def is_as_coded(self) -> bool:
        """Whether the coded picture is shown the way it is stored."""
        return self.rotation % 360 == 0 and not self.mirrored

    def upright(self, picture: Any) -> NDArray[np.uint8]:
        """A coded picture [height, width, ...] the way it is to be shown."""
        if self.mirrored:
            picture = picture[:, ::-1]
        turned = np.rot90(picture, -self.rotation // 90) if self.rotation % 360 else picture
        return np.ascontiguousarray(turned, np.uint8)


def geometry_of(frame: av.VideoFrame, pixel_aspect: float) -> Geometry:
    """The geometry of one frame whose pixels are `pixel_aspect` times as wide as high.

    Raises `MediaError` for a shape that no picture has.
    """
    if not 1 / MAX_PIXEL_ASPECT <= pixel_aspect <= MAX_PIXEL_ASPECT:
        raise MediaError(
            f"its pixels are said to be {pixel_aspect:g} times as wide as high; "
            f"no picture goes beyond {MAX_PIXEL_ASPECT:g}: mend the pixel aspect in its header"
        )
    rotation, mirrored = orientation_of(frame)
    shown = (max(1, round(frame.width * pixel_aspect)), frame.height)
    turned = rotation % 180 != 0
    return Geometry(rotation, shown[turned], shown[not turned], mirrored)


def pixel_aspect(stream: VideoStream) -> float:
    """Width of a pixel over its height as the container or else the codec says it; 1 where nobody does.

    While frames are decoded it is that of the latest sequence header.
    """
    context = stream.codec_context.sample_aspect_ratio
    return float(stream.sample_aspect_ratio or context or 1) or 1.0


def orientation_of(frame: av.VideoFrame) -> tuple[int, bool]:
    """Degrees to turn a frame clockwise (0, 90, 180, 270), after mirroring it left to right where that is true."""
    for entry in cast(Any, frame.side_data):
        if entry.type == Type.DISPLAYMATRIX:
            a, b, _, c, d = struct.unpack("=5i", bytes(entry)[:20])  # FFmpeg keeps it in the machine's byte order
            mirrored = a * d - b * c < 0
            if mirrored:  # the rest after the reflection is a rotation
                a, b = -a, -b
            return round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360, mirrored
    return 0, False

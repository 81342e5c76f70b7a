"""Draws a contact sheet of a video: evenly spaced frames.

python -m pipeline.demo.sheet <video> <sheet.png>
"""

import sys
from pathlib import Path

import av
import cv2
import numpy as np

from pipeline.demo.drawing import Image

_ACROSS, _TILE = 6, 300


def contact_sheet(video: Path, tiles: int = 18) -> Image:
    """The sheet as uint8 RGB [H, W, 3], tiles in reading order."""
    with av.open(video) as container:
        # `rotation` counts degrees counterclockwise, as `rot90` does.
        images = [
            np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90) for frame in container.decode(video=0)
        ]
    chosen = [images[round(index)] for index in np.linspace(0, len(images) - 1, tiles)]
    height = round(_TILE * chosen[0].shape[0] / chosen[0].shape[1])
    small = [cv2.resize(image, (_TILE, height), interpolation=cv2.INTER_AREA) for image in chosen]
    rows = [np.hstack(small[first : first + _ACROSS]) for first in range(0, tiles, _ACROSS)]
    return np.vstack(rows).astype(np.uint8)


def main() -> None:
    """Draw the sheet of the video named first into the PNG named second."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m pipeline.demo.sheet <video> <sheet.png>")
    cv2.imwrite(sys.argv[2], cv2.cvtColor(contact_sheet(Path(sys.argv[1])), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()

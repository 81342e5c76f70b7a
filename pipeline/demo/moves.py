"""Camera moves over a photograph: pan, tilt, zoom, diagonal, eased and without jitter.

The photograph is resampled once per frame at a fractional position (crops at whole pixels would make slow moves
jitter), from a copy reduced beforehand so that fine texture does not alias.

    python -m pipeline.demo.sheet generated/camera-moves/animals-and-cups.mp4 sheet.png
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.demo.drawing import Image
from pipeline.demo.sources import photograph


@dataclass(frozen=True, slots=True)
class View:
    """The camera's view of a photograph; all values from 0 to 1 lie inside the image.

    `across` and `down` are the position between the left and right, upper and lower edges (0.5: centre); `size` is the
    size relative to the largest view of the video's aspect that fits the photograph.
    """

    across: float
    down: float
    size: float


@dataclass(frozen=True, slots=True)
class Move:
    """A camera move over a photograph from one view to another."""

    photograph: str
    start: View
    end: View

    @property
    def name(self) -> str:
        """What it shows, for people."""
        zoom = self.end.size / self.start.size
        kind = "zoom in" if zoom < 0.9 else "zoom out" if zoom > 1.1 else "pan"
        return f"{self.photograph}, {kind}"

    def frames(self, times: Sequence[float], width: int, height: int) -> Iterator[Image]:
        """The move at the given seconds; it ends at the last of them."""
        pixels = photograph(self.photograph)
        largest = min(pixels.shape[1], pixels.shape[0] * width / height)
        widest = largest * max(self.start.size, self.end.size)
        # A quarter finer than the widest view needs: narrower views of a zoom keep detail, and nothing aliases.
        reduction = min(1.0, 1.25 * width / widest)
        reduced = cv2.resize(pixels, None, fx=reduction, fy=reduction, interpolation=cv2.INTER_AREA)
        for time in times:
            view = self._view(time / max(times[-1], 1e-9))
            step = largest * view.size * reduction / width
            left = view.across * (reduced.shape[1] - width * step)
            top = view.down * (reduced.shape[0] - height * step)
            # Pixel centres, not corners, map onto each other; hence the half pixels.
            inverse = np.array([[step, 0, left + step / 2 - 0.5], [0, step, top + step / 2 - 0.5]])
            flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            warped = cv2.warpAffine(reduced, inverse, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
            yield warped.astype("uint8", copy=False)

    def _view(self, progress: float) -> View:
        # Half linear: eased at both ends, but never at rest, so every frame of the shot moves.
        eased = 0.5 * progress + 0.5 * progress * progress * (3 - 2 * progress)
        start, end = self.start, self.end
        return View(
            start.across + (end.across - start.across) * eased,
            start.down + (end.down - start.down) * eased,
            # A zoom looks uniform if each frame scales by the same factor.
            start.size * (end.size / start.size) ** eased,
        )

"""Small thumbnails of a video in a temporary file, from which the ends of its transitions are measured.

The transitions are known only at the end of the video, so every frame is kept until then: on disk, a kilobyte each, so
that memory hardly grows with the video's length. Only the stretches around transitions are read again.

    thumbnails.push(time, thumbnail)         # for each frame
    images = thumbnails.read(100, 150)       # [50, 14, 24, 3]
    python -m pytest tests/pipeline/stages/split/detectors/test_extents.py
"""

import os
import tempfile
from array import array
from typing import IO

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 24, 14
_BYTES = HEIGHT * WIDTH * 3
# A frame within so many grey levels of black or white everywhere is empty. A night scene may be as uniform, but it is
# brighter.
_NEAR = 6


class Thumbnails:
    """The thumbnails of a video; `clear` prepares for the next. The file is deleted with the object."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._times, self._empty = array("d"), bytearray()

    def push(self, time: float, thumbnail: NDArray[np.uint8]) -> None:
        """Store the next frame: its time in seconds, and its thumbnail, RGB [27, 48, 3], uint8."""
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `clear`
        small = cv2.resize(thumbnail, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        self._file.write(np.asarray(small, np.uint8).tobytes())
        self._times.append(time)
        self._empty.append(bool(small.max() <= _NEAR or small.min() >= 255 - _NEAR))

    @property
    def times(self) -> NDArray[np.float64]:
        """The time of each frame in seconds, [frames]."""
        return np.array(self._times)

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Which frames are entirely black or white, [frames]."""
        return np.array(self._empty, np.bool_)

    def read(self, first: int, end: int) -> NDArray[np.uint8]:
        """Frames [first, end), RGB [end - first, 14, 24, 3], uint8."""
        if self._file is None:
            return np.zeros((0, HEIGHT, WIDTH, 3), np.uint8)
        self._file.seek(first * _BYTES)
        read = self._file.read((end - first) * _BYTES)
        self._file.seek(0, os.SEEK_END)
        return np.frombuffer(read, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)

    def clear(self) -> None:
        """Discard the video's thumbnails."""
        if self._file is not None:
            self._file.close()
        self._file, self._times, self._empty = None, array("d"), bytearray()

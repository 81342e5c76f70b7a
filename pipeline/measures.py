"""Cheap measures of the decode pass: light, sharpness, and motion split into the camera's and the subject's part.

Motion is measured between frames about 1/8 s apart, divided by the real time between them and by the frame's diagonal,
so that the same scene scores the same at 12 and at 60 fps and at any size. A similarity transform (shift, zoom, roll)
fitted to the flow with RANSAC is the camera; what it leaves over is the subject.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLE_SECONDS = 0.125
_GRID = 8  # every 8th pixel of the flow is enough for 4 parameters
_STILL = 1.0  # percent of the diagonal per second below which a camera counts as standing still
_STEADY = 0.6  # share of the camera's motion that must point one way to be called a pan, tilt or zoom


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Sharpness (variance of the Laplacian), brightness and contrast (0 to 1, 0 to 0.5), share of clipped pixels."""

    sharpness: float
    brightness: float
    contrast: float
    clipped: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Between two frames, in percent of the diagonal per second: all flow, its parts, and the camera's direction.

    `pan` > 0: the camera turns right (the picture moves left); `tilt` > 0: it turns up; `zoom` > 0: it moves in.
    """

    first: int
    second: int
    motion: float
    camera: float
    subject: float
    pan: float
    tilt: float
    zoom: float


class Measurer:
    """Measures pictures about 1/8 s apart as they come; `light` and `motion` are by frame index."""

    def __init__(self) -> None:
        self.light: dict[int, Light] = {}
        self.motion: list[Motion] = []
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._last: tuple[int, float, NDArray[np.uint8]] | None = None

    def push(self, index: int, time: float, picture: NDArray[np.uint8], end: float = 0.0) -> None:
        """See the next frame, RGB [height, width, 3], on screen until `end`.

        Measures it if enough time has passed since the last one, or will have passed before the next one.
        """
        # Half a millisecond of slack, so that rounding of stamps does not skip every other sample.
        due = SAMPLE_SECONDS - 0.0005
        if self._last is not None and time - self._last[1] < due and end - time < due:
            return
        gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        self.light[index] = measure_light(gray)
        if self._last is not None and min(gray.shape) >= 16:
            first, before, last = self._last
            self.motion.append(self._measure_motion(first, index, last, gray, time - before))
        self._last = (index, time, gray)

    def _measure_motion(
        self, first: int, second: int, old: NDArray[np.uint8], new: NDArray[np.uint8], seconds: float
    ) -> Motion:
        flow: NDArray[np.float32] = np.asarray(self._flow.calc(old, new, None), np.float32)  # type: ignore[call-overload]
        height, width = old.shape
        grid = np.mgrid[_GRID // 2 : height : _GRID, _GRID // 2 : width : _GRID].reshape(2, -1)
        points = grid[::-1].T.astype(np.float32)
        vectors = flow[grid[0], grid[1]]
        cv2.setRNGSeed(0)  # RANSAC draws at random; equal input must give equal numbers
        matrix, _ = cv2.estimateAffinePartial2D(points, points + vectors, ransacReprojThreshold=1.0)
        fitted: Any = np.eye(2, 3) if matrix is None else matrix
        camera = points @ fitted[:, :2].T + fitted[:, 2] - points
        unit = 100 / (float(np.hypot(width, height)) * seconds)
        middle = np.array([width / 2, height / 2])
        shift = (fitted[:, :2] @ middle + fitted[:, 2] - middle) * unit
        radius = float(np.mean(np.hypot(*(points - middle).T)))
        scale = float(np.hypot(fitted[0, 0], fitted[1, 0]))
        return Motion(
            first=first,
            second=second,
            motion=float(np.mean(np.hypot(*vectors.T))) * unit,
            camera=float(np.mean(np.hypot(*camera.T))) * unit,
            subject=float(np.mean(np.hypot(*(vectors - camera).T))) * unit,
            pan=-float(shift[0]),
            tilt=float(shift[1]),
            zoom=(scale - 1) * radius * unit,
        )


def measure_light(gray: NDArray[np.uint8]) -> Light:
    """Light and sharpness of a luma picture [height, width]."""
    return Light(
        sharpness=float(cv2.Laplacian(gray, cv2.CV_32F).var()),
        brightness=float(gray.mean()) / 255,
        contrast=float(gray.std()) / 255,
        clipped=float(np.mean((gray <= 2) | (gray >= 253))),
    )


def summarise_light(measured: Sequence[Light]) -> dict[str, float]:
    """The means over a clip, by column name."""
    names = ("sharpness", "brightness", "contrast", "clipped")
    return {name: round(fmean(getattr(one, name) for one in measured), 6) for name in names}


def summarise_motion(measured: Sequence[Motion]) -> dict[str, float | str | None]:
    """The means over a clip, by column name; nulls if nothing could be measured."""
    if not measured:
        return {"motion": None, "camera_motion": None, "subject_motion": None, "camera": None}
    return {
        "motion": round(fmean(one.motion for one in measured), 6),
        "camera_motion": round(fmean(one.camera for one in measured), 6),
        "subject_motion": round(fmean(one.subject for one in measured), 6),
        "camera": camera_label(measured),
    }


def camera_label(measured: Sequence[Motion]) -> str:
    """What the camera does over a clip: `static`, one direction if it keeps to it, else `moving`."""
    if fmean(one.camera for one in measured) < _STILL:
        return "static"
    steady = {
        ("pan right", "pan left"): [one.pan for one in measured],
        ("tilt up", "tilt down"): [one.tilt for one in measured],
        ("zoom in", "zoom out"): [one.zoom for one in measured],
    }
    total = sum(fmean(abs(value) for value in values) for values in steady.values())
    (positive, negative), values = max(steady.items(), key=lambda item: abs(fmean(item[1])))
    mean = fmean(values)
    if abs(mean) < _STEADY * total:
        return "moving"
    return positive if mean > 0 else negative

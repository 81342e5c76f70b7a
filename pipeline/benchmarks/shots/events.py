"""Events inside a shot that are not boundaries: camera moves, flashes of light, passing objects, titles.

The camera is a window over an image that is larger than the video: (left, top, width, height) in pixels, per frame.
Other events change the image in the window. Everything is determined by the plan.

    image = take(canvas_image, camera_window(shot, moment, fps, canvas, output), output)
    image = after_event(shot, image, moment, fps)
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.shots.plan import ShotPlan

Image = NDArray[np.uint8]
Window = tuple[float, float, float, float]

_WHIP_SECONDS = 0.25
_PUSH_SECONDS, _PASS_SECONDS, _DIM_SECONDS, _SHAKE_SECONDS, _TITLE_SECONDS = 0.4, 0.35, 0.4, 0.8, 0.9
_SHAKE = 0.04  # of the image's width
_PULSES, _PULSE_SECONDS = 3, 0.2
_LETTERS = "ABCDEFGHKLMNOPRSTUVWZ"


def take(image: Image, window: Window, size: tuple[int, int]) -> Image:
    """The part of an image [H, W, 3] in a window, scaled to the output size (width, height)."""
    left, top, width, height = window
    scale = np.array([[width / size[0], 0, left], [0, height / size[1], top]])
    return np.asarray(
        cv2.warpAffine(
            image, scale, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def camera_window(shot: ShotPlan, moment: int, fps: int, canvas: tuple[int, int], output: tuple[int, int]) -> Window:
    """The camera's window `moment` frames after the start of the event (negative before it)."""
    (width, height), (room, rise) = output, (canvas[0] - output[0], canvas[1] - output[1])
    left, top = min(shot.view[0] * canvas[0], room), min(shot.view[1] * canvas[1], rise)
    if shot.event == "pan":
        share = float(np.clip((moment + shot.event_at) / max(1, shot.frames), 0, 1))
        return room * share, top, width, height
    if shot.event == "push in":
        share = float(np.clip(moment / (_PUSH_SECONDS * fps), 0, 1))
        size = 1 - 0.45 * (3 * share**2 - 2 * share**3)
        return left + width * (1 - size) / 2, top + height * (1 - size) / 2, width * size, height * size
    if shot.event == "shake" and 0 <= moment <= _SHAKE_SECONDS * fps:
        random = np.random.default_rng([shot.event_at, shot.frames, moment])
        across, down = random.normal(0, _SHAKE * width, 2)
        return float(np.clip(left + across, 0, room)), float(np.clip(top + down, 0, rise)), width, height
    return left, top, width, height


def after_event(shot: ShotPlan, image: Image, moment: int, fps: int) -> Image:
    """The image [H, W, 3] with the effect of the event."""
    change = _CHANGES.get(shot.event)
    return image if change is None or moment < 0 else change(shot, image, moment, fps)


def _pulse(shot: ShotPlan, image: Image, moment: int, fps: int) -> Image:
    every = max(3, round(_PULSE_SECONDS * fps))
    if moment // every >= _PULSES or moment % every >= every // 2:
        return image
    return _toward(image, 255 if shot.event_at % 2 else 0, 0.75)


def _dim(shot: ShotPlan, image: Image, moment: int, fps: int) -> Image:
    share = min(1.0, moment / (_DIM_SECONDS * fps))
    return _toward(image, 0 if shot.event_at % 2 else 255, 0.55 * share)


def _pass(shot: ShotPlan, image: Image, moment: int, fps: int) -> Image:
    """An object passes close to the lens: blurred, of one colour, as high as the image."""
    share = moment / (_PASS_SECONDS * fps)
    if share > 1:
        return image
    height, width = image.shape[:2]
    random = np.random.default_rng([shot.event_at, shot.frames])
    color, size = random.integers(0, 160, 3), float(random.uniform(0.3, 0.9))
    places = (np.arange(width) + 0.5) / width
    middle = share * (1 + 2 * size) - size
    edge = np.clip((size / 2 - np.abs(places - middle)) / 0.08, 0, 1)[None, :, None]
    return np.asarray(np.round(image * (1 - edge) + color * edge), np.uint8) if height else image


def _title(shot: ShotPlan, image: Image, moment: int, fps: int) -> Image:
    """A title or sticker covers part of the image for a while."""
    if moment > _TITLE_SECONDS * fps:
        return image
    height, width = image.shape[:2]
    random = np.random.default_rng([shot.event_at, shot.frames])
    top, left = (round(float(random.uniform(0.1, 0.5)) * size) for size in (height, width))
    bottom, right = (
        round(start + float(random.uniform(0.2, 0.5)) * size) for start, size in ((top, height), (left, width))
    )
    drawn = image.copy()
    drawn[top:bottom, left:right] = random.integers(0, 255, 3)
    _write(drawn, random, left, round((top + bottom) / 2))
    return drawn


def subtitle(image: Image, line: int, seed: int) -> Image:
    """The image with the video's `line`-th subtitle."""
    height, width = image.shape[:2]
    drawn = image.copy()
    _write(drawn, np.random.default_rng([seed, line]), round(0.15 * width), round(0.88 * height))
    return drawn


def _write(image: Image, random: np.random.Generator, left: int, bottom: int) -> None:
    words = "".join(random.choice(list(_LETTERS), int(random.integers(5, 14))))
    scale = image.shape[0] / 180
    thick = max(1, round(2 * scale))
    for color, width in ((0, 3 * thick), (255, thick)):
        cv2.putText(image, words, (left, bottom), cv2.FONT_HERSHEY_DUPLEX, scale, (color,) * 3, width, cv2.LINE_AA)


def _toward(image: Image, level: int, share: float) -> Image:
    return np.asarray(cv2.addWeighted(image, 1 - share, np.full_like(image, level), share, 0), np.uint8)


_CHANGES: dict[str, Callable[[ShotPlan, Image, int, int], Image]] = {
    "pulse": _pulse,
    "dim": _dim,
    "pass": _pass,
    "title": _title,
}
EVENTS: Sequence[str] = ("pan", "push in", "shake", *_CHANGES)

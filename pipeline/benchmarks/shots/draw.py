"""Render a planned video: real footage with the transitions that editing programs make, encoded as H.264.

Dissolves and fades are linear in the encoded values, as in editing programs by default. A wipe moves a soft edge over
the frame. A flash lights up the whole frame at once and fades away. A whip pan swings the camera to another part of the
same scene, with motion blur. What else may happen in a shot: `events`.

    write_video(plan, Path("video.mp4"))
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from pipeline.benchmarks.shots.events import EVENTS, after_event, camera_window, subtitle, take
from pipeline.benchmarks.shots.plan import FilmPlan, ShotPlan
from pipeline.media.encode import REPRODUCIBLE_MUXER, REPRODUCIBLE_X264, prepare_encoder, to_bt709

WIDTH, HEIGHT = 480, 270
_BAR = 0.128  # share of the height above and below a letterboxed image: 2.4 : 1
_LATE_SECONDS = 1.7
_WHIP_SECONDS = 0.25
_LINE_SECONDS = 1.3  # of a subtitle
_BANNER = 0.22  # share of the height above and below an image inside a poster

Image = NDArray[np.uint8]


def write_video(plan: FilmPlan, path: Path, width: int = WIDTH, height: int = HEIGHT, crf: int = 23) -> None:
    """Encode the video to an MP4 that appears at `path` when it is complete; a higher `crf` is a lower quality."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    kept = set(plan.kept_ticks())
    delay = round(_LATE_SECONDS * plan.fps) if plan.trouble == "late start" else 0
    reformatter = VideoReformatter()
    with av.open(unfinished, "w", format="mp4", container_options=REPRODUCIBLE_MUXER) as container:
        stream = container.add_stream("libx264", rate=plan.fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": str(crf), **REPRODUCIBLE_X264}
        stream.codec_context.time_base = Fraction(1, plan.fps)
        prepare_encoder(stream.codec_context)
        for tick, image in enumerate(draw_video(plan, width, height)):
            if tick in kept:
                frame = to_bt709(image, reformatter)
                frame.pts, frame.time_base = tick + delay, Fraction(1, plan.fps)
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    unfinished.rename(path)


def draw_video(plan: FilmPlan, width: int = WIDTH, height: int = HEIGHT) -> Iterator[Image]:
    """RGB images [H, W, 3], uint8, one per tick."""
    before = [0, *plan.mixed]
    after = [*plan.mixed, 0]
    tail: list[Image] = []
    ticks = count()
    for shot, lead, trail in zip(plan.shots, before, after, strict=True):
        images = _draw_shot(shot, plan.fps, lead, trail, (width, height))
        for index in range(lead):
            mixed = mix(plan.kind, tail[index], images[index], (index + 1) / (lead + 1), plan.seed)
            yield _troubled(mixed, plan, next(ticks))
        for image in images[lead : lead + shot.frames]:
            yield _troubled(image, plan, next(ticks))
        tail = images[lead + shot.frames :]


def mix(kind: str, old: Image, new: Image, share: float, seed: int) -> Image:
    """Images [H, W, 3] of two shots mixed at `share` of the transition (0 to 1, both excluded)."""
    if kind == "dissolve":
        return np.asarray(cv2.addWeighted(old, 1 - share, new, share, 0), np.uint8)
    if kind == "wipe":
        return _wipe(old, new, share, seed)
    if kind in ("push", "whip"):
        return _push(old, new, share, blurred=kind == "whip")
    if kind == "zoom":
        return _zoom(old, new, share)
    level = 0 if kind == "fade to black" else 255
    shown, strength = (old, 1 - 2 * share) if share < 0.5 else (new, 2 * share - 1)
    return np.asarray(cv2.addWeighted(shown, strength, np.full_like(shown, level), 1 - strength, 0), np.uint8)


def _wipe(old: Image, new: Image, share: float, seed: int) -> Image:
    height, width = old.shape[:2]
    across, down = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)][seed % 5]
    ramp = (np.arange(width)[None] + 0.5) / width * across + (np.arange(height)[:, None] + 0.5) / height * down
    ramp = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    soft = 0.04
    weight = np.clip((share * (1 + soft) - ramp) / soft, 0, 1)[..., None].astype(np.float32)
    return np.asarray(np.round(old * (1 - weight) + new * weight), np.uint8)


def _push(old: Image, new: Image, share: float, blurred: bool) -> Image:
    """The new image pushes the old one out, fastest in the middle; a whip pan blurs both."""
    width = old.shape[1]
    column = round((3 * share**2 - 2 * share**3) * width)
    pushed = np.concatenate([old[:, column:], new[:, :column]], axis=1)
    return np.asarray(cv2.blur(pushed, (max(3, width // 4), 1)), np.uint8) if blurred else pushed


def _zoom(old: Image, new: Image, share: float) -> Image:
    """Zoom into the old image while the new one fades in."""
    height, width = old.shape[:2]
    size = 1 - 0.7 * share
    window = ((1 - size) / 2 * width, (1 - size) / 2 * height, size * width, size * height)
    near = cv2.GaussianBlur(take(old, window, (width, height)), (0, 0), 0.5 + 0.02 * width * share)
    return np.asarray(cv2.addWeighted(near, 1 - share, new, share, 0), np.uint8)


def _draw_shot(shot: ShotPlan, fps: int, lead: int, trail: int, output: tuple[int, int]) -> list[Image]:
    width, height = output
    length = lead + shot.frames + trail
    left, top, size = shot.view
    canvas = (round(width / size), round(height / size))
    images = shot.footage.images([shot.start + index / fps for index in range(length)], *canvas)
    room = canvas[0] - width
    whip = max(2, round(_WHIP_SECONDS * fps))
    drawn = []
    for index, image in enumerate(images):
        moment = index - lead - shot.event_at
        if shot.event in EVENTS:
            seen = take(image, camera_window(shot, moment, fps, canvas, output), output)
            seen = after_event(shot, seen, moment, fps)
            drawn.append(np.asarray(seen[:, ::-1] if shot.mirrored else seen, np.uint8))
            continue
        x, y = left * canvas[0], round(min(top * canvas[1], canvas[1] - height))
        if shot.event == "whip pan":
            x = room * float(np.clip(moment / whip, 0, 1))
            if 0 <= moment <= whip:
                image = np.asarray(cv2.blur(image, (max(3, room // whip), 1)), np.uint8)
        x = round(min(x, room))
        window = np.ascontiguousarray(image[y : y + height, x : x + width])
        if shot.event == "flash" and 0 <= moment <= 2:
            lit = cv2.addWeighted(window, 0.15 + 0.3 * moment, np.full_like(window, 255), 0.85 - 0.3 * moment, 0)
            window = np.asarray(lit, np.uint8)
        drawn.append(np.asarray(window[:, ::-1] if shot.mirrored else window, np.uint8))
    return drawn


def _troubled(image: Image, plan: FilmPlan, tick: int) -> Image:
    height, width = image.shape[:2]
    if plan.trouble == "letterbox":
        bar = round(height * _BAR)
        inner = cv2.resize(image, (width, height - 2 * bar), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.copyMakeBorder(inner, bar, bar, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0)), np.uint8)
    if plan.trouble == "dark":
        return np.asarray(cv2.convertScaleAbs(image, alpha=0.25), np.uint8)
    if plan.trouble == "poster":
        poster = np.full_like(image, np.random.default_rng(plan.seed).integers(0, 255, 3))
        bar = round(height * _BANNER)
        poster[bar : height - bar] = cv2.resize(image, (width, height - 2 * bar), interpolation=cv2.INTER_AREA)
        return subtitle(poster, 0, plan.seed)
    if plan.trouble == "subtitles":
        return subtitle(np.ascontiguousarray(image), int(tick / (_LINE_SECONDS * plan.fps)), plan.seed)
    if plan.trouble == "portrait":
        window = (0.34 * width, 0, 0.32 * width, height)
        return take(np.ascontiguousarray(image), window, (width, height))
    return np.ascontiguousarray(image)

"""How a video is put together: shots in order, joined by cuts or dissolves, and the exact truth of where each one is.

Time runs in ticks of 1/fps. A dissolve lets the next shot begin before the last one ends; a video with a variable rate
leaves out a share of the ticks, as telephones do when they are short of light or power. Frames and truth come from the
same spans, so they cannot disagree.

    python -m pipeline.demo.films          # every video with its shots' first frames
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import cv2
import numpy as np

from pipeline.demo.drawing import Image


class Picture(Protocol):
    """What a shot shows: footage, a camera move, or a rendered scene."""

    @property
    def name(self) -> str:
        """What it shows, for people."""
        ...

    def frames(self, times: Sequence[float], width: int, height: int) -> Iterator[Image]:
        """The images at the given seconds after the shot's start, RGB of the given size."""
        ...


@dataclass(frozen=True, slots=True)
class Shot:
    """An image for some seconds; `dissolve` is for how many of them it mixes with the end of the shot before."""

    picture: Picture
    seconds: float
    dissolve: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A video of the bucket: what it shows, and how its file is written."""

    key: str
    width: int
    height: int
    fps: int
    shots: tuple[Shot, ...]
    quality: int = 18
    start_seconds: float = 0.0
    dropped_share: float = 0.0
    rotation: Literal[0, 90] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotTruth:
    """Where a shot is, in frames. `start_frame` to `end_frame` tile the video; a dissolve is parted in its middle.

    `clean_start` to `clean_end` are the frames that show nothing but this shot, so the frames between a shot's
    `clean_end` and the next one's `clean_start` are the dissolve (none for a cut).
    """

    name: str
    transition: Literal["start", "cut", "dissolve"]
    start_frame: int
    end_frame: int
    clean_start: int
    clean_end: int


def truth(video: Film) -> list[ShotTruth]:
    """The exact frames of every shot, in order."""
    spans, ticks = _spans(video), kept_ticks(video)
    overlaps = [(after[0], before[1]) for before, after in pairwise(spans)]
    starts = [0, *((first + last) // 2 for first, last in overlaps), spans[-1][1]]
    results = []
    for number, shot in enumerate(video.shots):
        clean = (
            overlaps[number - 1][1] if number else 0,
            overlaps[number][0] if number < len(overlaps) else starts[-1],
        )
        bounds = (starts[number], starts[number + 1], *clean)
        start, end, clean_start, clean_end = (bisect_left(ticks, tick) for tick in bounds)
        results.append(
            ShotTruth(
                name=shot.picture.name,
                transition="start" if not number else "dissolve" if shot.dissolve else "cut",
                start_frame=start,
                end_frame=end,
                clean_start=clean_start,
                clean_end=clean_end,
            )
        )
    return results


def kept_ticks(video: Film) -> list[int]:
    """The ticks at which a frame is shown: all, or for a variable rate all but a seeded share."""
    ticks = range(_spans(video)[-1][1])
    if not video.dropped_share:
        return list(ticks)
    dropped = np.random.default_rng(len(video.shots)).uniform(size=len(ticks)) < video.dropped_share
    return [tick for tick in ticks if not tick or not dropped[tick]]


def presentation_times(video: Film) -> list[float]:
    """When each frame is shown, in seconds."""
    return [video.start_seconds + tick / video.fps for tick in kept_ticks(video)]


def frames(video: Film) -> Iterator[Image]:
    """The film's images, in order, as they are meant to be seen (upright)."""
    spans, ticks = _spans(video), kept_ticks(video)
    streams = [
        shot.picture.frames(
            [(tick - start) / video.fps for tick in ticks if start <= tick < end], video.width, video.height
        )
        for shot, (start, end) in zip(video.shots, spans, strict=True)
    ]
    for tick in ticks:
        live = [number for number, (start, end) in enumerate(spans) if start <= tick < end]
        images = [next(streams[number]) for number in live]
        if len(images) == 1:
            yield images[0]
            continue
        begin, end = spans[live[1]][0], spans[live[0]][1]
        share = (tick - begin + 1) / (end - begin + 1)
        yield np.asarray(cv2.addWeighted(images[0], 1 - share, images[1], share, 0), dtype=np.uint8)


def _spans(video: Film) -> list[tuple[int, int]]:
    """First tick and the tick after the last of each shot; a dissolve makes neighbours overlap."""
    spans: list[tuple[int, int]] = []
    for shot in video.shots:
        start = spans[-1][1] - round(shot.dissolve * video.fps) if spans else 0
        spans.append((start, start + round(shot.seconds * video.fps)))
    return spans

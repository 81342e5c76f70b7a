"""Edits a demo video from shots, joined by cuts or dissolves, and gives the exact ground truth of each shot.

Time runs in ticks of 1/fps. With a dissolve the next shot begins before the last one ends; a video with a variable rate
omits a share of the ticks, as phones do with little light or power. Frames and ground truth are computed from the same
spans, so they cannot disagree.

    python -m pipeline.demo.videos          # every video with its shots' first frames
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import cv2
import numpy as np

from pipeline.demo.drawing import Image


class ShotContent(Protocol):
    """The content of a shot: a real clip, a camera move, or a rendered scene."""

    @property
    def name(self) -> str:
        """A readable name."""
        ...

    def frames(self, times: Sequence[float], width: int, height: int) -> Iterator[Image]:
        """The frames at the given seconds after the shot's start, uint8 RGB [height, width, 3]."""
        ...


@dataclass(frozen=True, slots=True)
class Shot:
    """A shot of some `seconds`; for the first `dissolve` of them it is blended with the end of the previous shot."""

    content: ShotContent
    seconds: float
    dissolve: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoVideo:
    """A video of the bucket: its shots, and how the file is encoded."""

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
    """The position of a shot, in frames. `start_frame` to `end_frame` tile the video; a dissolve is halved.

    `clean_start` to `clean_end` are the frames that show only this shot, so the frames between a shot's
    `clean_end` and the next one's `clean_start` are the dissolve (none for a cut).
    """

    name: str
    transition: Literal["start", "cut", "dissolve"]
    start_frame: int
    end_frame: int
    clean_start: int
    clean_end: int


def truth(video: DemoVideo) -> list[ShotTruth]:
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
                name=shot.content.name,
                transition="start" if not number else "dissolve" if shot.dissolve else "cut",
                start_frame=start,
                end_frame=end,
                clean_start=clean_start,
                clean_end=clean_end,
            )
        )
    return results


def kept_ticks(video: DemoVideo) -> list[int]:
    """The ticks with a frame: all, or for a variable rate all but a seeded share."""
    ticks = range(_spans(video)[-1][1])
    if not video.dropped_share:
        return list(ticks)
    dropped = np.random.default_rng(len(video.shots)).uniform(size=len(ticks)) < video.dropped_share
    return [tick for tick in ticks if not tick or not dropped[tick]]


def presentation_times(video: DemoVideo) -> list[float]:
    """The presentation time of each frame, in seconds."""
    return [video.start_seconds + tick / video.fps for tick in kept_ticks(video)]


def frames(video: DemoVideo) -> Iterator[Image]:
    """The video's frames in order, upright, uint8 RGB [H, W, 3]."""
    spans, ticks = _spans(video), kept_ticks(video)
    streams = [
        shot.content.frames(
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


def _spans(video: DemoVideo) -> list[tuple[int, int]]:
    """(first tick, tick after the last) of each shot; a dissolve makes neighbours overlap."""
    spans: list[tuple[int, int]] = []
    for shot in video.shots:
        start = spans[-1][1] - round(shot.dissolve * video.fps) if spans else 0
        spans.append((start, start + round(shot.seconds * video.fps)))
    return spans

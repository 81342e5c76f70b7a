"""Real footage for videos with ground truth: spans of clips that contain exactly one shot, in two halves.

A hash of a file's name decides which half it belongs to, so nothing that a detector is tuned on is reported. Clips with
cuts of their own would make the ground truth wrong, so a list names the files that a person has checked; the shots of
the demo's videos are known.

    just bench split <folder> --single-shots <list>
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.editing import truth
from pipeline.demo.videos import REAL, VIDEOS
from pipeline.media.decode import Decoder
from pipeline.media.probe import probe
from pipeline.media.rgb import RgbConverter, cover
from schemas.errors import InputError, MediaError

_SHORTEST_SECONDS = 2.0
_EDGE_SECONDS = 0.1  # distance kept from a video's own cuts


@dataclass(frozen=True, slots=True)
class Footage:
    """One shot of a file: `start` to `end` in presentation seconds. A plan's digest uses its name, not its URI."""

    name: str
    uri: str = field(repr=False)
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.end - self.start

    def images(self, times: Sequence[float], width: int, height: int) -> list[NDArray[np.uint8]]:
        """RGB images [H, W, 3], uint8, at `times` in seconds after `start`; beyond its end it plays back and forth."""
        folded = [self.seconds - abs(self.seconds - time % (2 * self.seconds)) for time in times]
        wanted = [self.start + time for time in folded]
        shown = _decode(self, min(wanted), max(wanted) + 0.001, width, height)
        if not shown:
            raise MediaError(f"{self.name} has no frame between {min(wanted):.2f} and {max(wanted):.2f} s")
        stamps = np.array([time for time, _ in shown])
        places = np.maximum(np.searchsorted(stamps, np.array(wanted) + 0.0005, side="right") - 1, 0)
        return [shown[index][1] for index in places]


@dataclass(frozen=True, slots=True)
class LoadedFootage(Footage):
    """Footage in memory, scaled down, at its own rate, so that many videos can be drawn with one decode."""

    stack: NDArray[np.uint8] = field(repr=False)

    def images(self, times: Sequence[float], width: int, height: int) -> list[NDArray[np.uint8]]:
        """As `Footage.images`, from memory."""
        rate = len(self.stack) / self.seconds
        folded = [self.seconds - abs(self.seconds - time % (2 * self.seconds)) for time in times]
        places = [min(len(self.stack) - 1, int(time * rate + 1e-6)) for time in folded]
        reduced = {
            index: np.asarray(cv2.resize(self.stack[index], (width, height), interpolation=cv2.INTER_AREA), np.uint8)
            for index in set(places)
        }
        return [reduced[index] for index in places]


def load_footage(clip: Footage, width: int = 192, height: int = 108) -> LoadedFootage:
    """Decode the footage once, into images [height, width, 3]."""
    stack = [image for _, image in _decode(clip, clip.start, clip.end, width, height)]
    return LoadedFootage(clip.name, clip.uri, clip.start, clip.end, np.stack(stack))


def listed_footage(folder: Path, listing: Path | None) -> list[Footage]:
    """Footage of whole files: those named by the listing (a path below the folder per line), or all readable ones.

    Raises `InputError` if a listed file is missing or cannot be used.
    """
    if listing is None:
        candidates = [_whole(path, folder) for path in sorted(folder.rglob("*")) if path.is_file()]
        return [clip for clip in candidates if clip is not None]
    names = [line.strip() for line in listing.read_text().splitlines() if line.strip() and not line.startswith("#")]
    clips = []
    for name in names:
        clip = _whole(folder / name, folder)
        if clip is None:
            raise InputError(f"{listing.name} names {name}, which is no video of {_SHORTEST_SECONDS:g} s or more there")
        clips.append(clip)
    return clips


def demo_footage(bucket: Path) -> list[Footage]:
    """The shots of the demo's videos, which are known exactly."""
    clips = []
    for video in (*REAL.values(), *VIDEOS):
        if video.width < 300 or video.dropped_share or "again" in video.key:
            continue
        for shot in truth(video):
            start = video.start_seconds + shot.clean_start / video.fps + _EDGE_SECONDS
            end = video.start_seconds + shot.clean_end / video.fps - _EDGE_SECONDS
            # Slides change the whole image inside a shot; drawn patterns may not move.
            if end - start >= _SHORTEST_SECONDS and "slide" not in shot.name:
                clips.append(Footage(f"{video.key}#{shot.start_frame}", str(bucket / video.key), start, end))
    return clips


def halves(clips: Sequence[Footage]) -> tuple[list[Footage], list[Footage]]:
    """The clips to tune on and the clips to report: every other file in the order of the hashes of their names."""
    files = sorted({clip.uri for clip in clips}, key=lambda uri: hashlib.sha256(Path(uri).name.encode()).hexdigest())
    tuned = set(files[::2])
    return [clip for clip in clips if clip.uri in tuned], [clip for clip in clips if clip.uri not in tuned]


def _decode(clip: Footage, start: float, end: float, width: int, height: int) -> list[tuple[float, NDArray[np.uint8]]]:
    """The frames on screen from `start` to `end`, each with its time in seconds, cropped to the size."""
    facts = probe(clip.uri, Path(clip.uri).stat().st_size)
    maker = RgbConverter(facts.geometry)
    scale = max(width / facts.width, height / facts.height)
    size = (max(width, round(facts.width * scale)), max(height, round(facts.height * scale)))
    with Decoder(clip.uri, facts.track) as decoder:
        frames = decoder.span(start, end, floor=clip.start)
        return [(timed.time, cover(maker.rgb(timed.frame, *size), width, height)) for timed in frames]


def _whole(path: Path, folder: Path) -> Footage | None:
    try:
        facts = probe(str(path), path.stat().st_size)
    except (MediaError, OSError):
        return None
    if facts.kind != "video" or facts.duration < _SHORTEST_SECONDS or min(facts.width, facts.height) < 200:
        return None
    name = path.relative_to(folder).as_posix()
    return Footage(name, str(path), facts.start_time, facts.start_time + facts.duration)

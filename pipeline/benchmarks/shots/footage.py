"""Real footage for films with known truth: spans of clips that hold exactly one shot, in two halves.

A file belongs to one half, told by a hash of its name, so what a detector is tuned on never appears in what is
reported. Clips with cuts of their own would spoil the truth: a list names the files that a person looked through, and
the demo's own films say where their shots are.

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
_EDGE_SECONDS = 0.1  # kept away from a film's own cuts


@dataclass(frozen=True, slots=True)
class Footage:
    """One shot of a file: `start` to `end` in seconds of its presentation time. A plan's digest knows it by name."""

    name: str
    uri: str = field(repr=False)
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start

    def pictures(self, times: Sequence[float], width: int, height: int) -> list[NDArray[np.uint8]]:
        """RGB pictures [height, width, 3] at seconds after `start`; past its end it runs backwards, then again."""
        folded = [self.seconds - abs(self.seconds - time % (2 * self.seconds)) for time in times]
        wanted = [self.start + time for time in folded]
        shown = _decode(self, min(wanted), max(wanted) + 0.001, width, height)
        if not shown:
            raise MediaError(f"{self.name} has no frame between {min(wanted):.2f} and {max(wanted):.2f} s")
        stamps = np.array([time for time, _ in shown])
        places = np.maximum(np.searchsorted(stamps, np.array(wanted) + 0.0005, side="right") - 1, 0)
        return [shown[place][1] for place in places]


@dataclass(frozen=True, slots=True)
class LoadedFootage(Footage):
    """Footage held in memory, small, at its own rate: for drawing many films without decoding again and again."""

    stack: NDArray[np.uint8] = field(repr=False)

    def pictures(self, times: Sequence[float], width: int, height: int) -> list[NDArray[np.uint8]]:
        """As `Footage.pictures`, from memory."""
        rate = len(self.stack) / self.seconds
        folded = [self.seconds - abs(self.seconds - time % (2 * self.seconds)) for time in times]
        places = [min(len(self.stack) - 1, int(time * rate + 1e-6)) for time in folded]
        reduced = {
            place: np.asarray(cv2.resize(self.stack[place], (width, height), interpolation=cv2.INTER_AREA), np.uint8)
            for place in set(places)
        }
        return [reduced[place] for place in places]


def load_footage(clip: Footage, width: int = 192, height: int = 108) -> LoadedFootage:
    """Decode all of it once."""
    stack = [picture for _, picture in _decode(clip, clip.start, clip.end, width, height)]
    return LoadedFootage(clip.name, clip.uri, clip.start, clip.end, np.stack(stack))


def listed_footage(folder: Path, listing: Path | None) -> list[Footage]:
    """The whole of each file: those that the listing names (one path below the folder per line), or all readable ones.

    Raises `InputError` if a listed file is not there or cannot be used.
    """
    if listing is None:
        found = [_whole(path, folder) for path in sorted(folder.rglob("*")) if path.is_file()]
        return [one for one in found if one is not None]
    names = [line.strip() for line in listing.read_text().splitlines() if line.strip() and not line.startswith("#")]
    clips = []
    for name in names:
        clip = _whole(folder / name, folder)
        if clip is None:
            raise InputError(f"{listing.name} names {name}, which is no video of {_SHORTEST_SECONDS:g} s or more there")
        clips.append(clip)
    return clips


def demo_footage(bucket: Path) -> list[Footage]:
    """The shots of the demo's films, each known exactly."""
    clips = []
    for film in (*REAL.values(), *VIDEOS):
        if film.width < 300 or film.dropped_share or "again" in film.key:
            continue
        for shot in truth(film):
            start = film.start_seconds + shot.clean_start / film.fps + _EDGE_SECONDS
            end = film.start_seconds + shot.clean_end / film.fps - _EDGE_SECONDS
            # Slides change their whole picture inside a shot, drawn patterns may stand still.
            if end - start >= _SHORTEST_SECONDS and "slide" not in shot.name:
                clips.append(Footage(f"{film.key}#{shot.start_frame}", str(bucket / film.key), start, end))
    return clips


def halves(clips: Sequence[Footage]) -> tuple[list[Footage], list[Footage]]:
    """The clips to tune on and those to report: files by the order of their names' hashes, every other one."""
    files = sorted({clip.uri for clip in clips}, key=lambda uri: hashlib.sha256(Path(uri).name.encode()).hexdigest())
    tuned = set(files[::2])
    return [clip for clip in clips if clip.uri in tuned], [clip for clip in clips if clip.uri not in tuned]


def _decode(clip: Footage, start: float, end: float, width: int, height: int) -> list[tuple[float, NDArray[np.uint8]]]:
    """What is on screen from `start` to `end`, each frame with its time, covering the size."""
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

"""Plan the shots, transitions and difficulties of a video, as pure functions of a seed and the footage.

A video has one kind of transition, so that precision can be given by kind, and neighbouring shots come from different
files. Shots contain events that must not be taken for boundaries: flashes of light and whip pans. One shot in eight is
very short. Videos have 12 to 60 frames per second; some have a variable rate, start late, are letterboxed or dark.

    plans = plan_videos(clips, half="report")
    truth = plans[0].boundaries()
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.benchmarks.shots.footage import Footage
from pipeline.stages.split.detectors.base import Boundary

Kind = Literal["cut", "dissolve", "fade to black", "fade to white", "wipe", "push", "whip", "zoom"]
Trouble = Literal["none", "variable rate", "late start", "letterbox", "dark", "poster", "subtitles", "portrait"]
Event = Literal["none", "flash", "whip pan", "pan", "push in", "shake", "pulse", "dim", "pass", "title"]

KINDS: tuple[Kind, ...] = ("cut", "dissolve", "fade to black", "fade to white", "wipe")
GRADUAL = KINDS[1:]
SHOTS_PER_FILM = 13
_FILMS: dict[Kind, int] = {"cut": 10, "dissolve": 8, "fade to black": 8, "fade to white": 7, "wipe": 7}
_RATES = (25, 24, 30, 12, 25, 60, 15, 30, 50, 24)
_TROUBLES: tuple[Trouble, ...] = ("none", "variable rate", "none", "late start", "letterbox", "none", "dark", "none")
_SECONDS: dict[str, tuple[float, float]] = {
    "cut": (0, 0),
    "dissolve": (0.3, 2.0),
    "fade to black": (0.5, 2.0),
    "fade to white": (0.5, 2.0),
    "wipe": (0.3, 1.5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotPlan:
    """A stretch of footage from `start` seconds on, seen through the window `view` (left, top, size; shares of 1).

    `frames` is the number of frames that show only this shot; `event` happens at frame `event_at` of these.
    """

    footage: Footage
    start: float
    frames: int
    view: tuple[float, float, float]
    mirrored: bool
    event: Event
    event_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmPlan:
    """A video: its shots and the number of mixed frames between each and the next. Frames are ticks of 1 / fps."""

    name: str
    kind: Kind
    trouble: Trouble
    fps: int
    seed: int
    shots: tuple[ShotPlan, ...]
    mixed: tuple[int, ...]

    def kept_ticks(self) -> list[int]:
        """The ticks that have a frame: all, or about seven in ten at a variable rate."""
        count = sum(shot.frames for shot in self.shots) + sum(self.mixed)
        if self.trouble != "variable rate":
            return list(range(count))
        random = np.random.default_rng(self.seed)
        return [tick for tick, keep in enumerate(random.uniform(size=count) < 0.7) if keep or tick == 0]

    def boundaries(self) -> list[Boundary]:
        """The true boundaries, in frames of the file."""
        ticks = np.array(self.kept_ticks())
        boundaries, tick = [], 0
        for shot, mixed in zip(self.shots, self.mixed, strict=False):
            tick += shot.frames
            first, last = (int(np.searchsorted(ticks, frame)) for frame in (tick, tick + mixed))
            boundaries.append(Boundary(first, last))
            tick += mixed
        return boundaries


def plan_videos(clips: Sequence[Footage], half: str, share: float = 1.0) -> list[FilmPlan]:
    """The videos of one half of the footage; `share` scales their number, with at least one of each kind."""
    plans = []
    for kind_number, kind in enumerate(KINDS):
        for number in range(max(1, round(_FILMS[kind] * share))):
            seed = [len(half), *half.encode(), kind_number, number]
            plans.append(_film(clips, f"{half}-{kind.replace(' ', '-')}-{number}", kind, number, seed))
    return plans


def _film(clips: Sequence[Footage], name: str, kind: Kind, number: int, seed: list[int]) -> FilmPlan:
    random = np.random.default_rng(seed)
    fps = _RATES[(number + KINDS.index(kind) * 3) % len(_RATES)]
    shots: list[ShotPlan] = []
    for _ in range(SHOTS_PER_FILM):
        others = [clip for clip in clips if not shots or clip.uri != shots[-1].footage.uri]
        shots.append(_shot(others[int(random.integers(len(others)))], fps, random))
    low, high = _SECONDS[kind]
    mixed = [round(fps * float(random.uniform(low, high))) for _ in shots[1:]]
    return FilmPlan(
        name=name,
        kind=kind,
        trouble=_TROUBLES[(number + KINDS.index(kind)) % len(_TROUBLES)],
        fps=fps,
        seed=int(random.integers(2**31)),
        shots=tuple(shots),
        mixed=tuple(max(2, count) if kind != "cut" else 0 for count in mixed),
    )


def _shot(clip: Footage, fps: int, random: np.random.Generator) -> ShotPlan:
    seconds = float(random.uniform(0.35, 0.9) if random.uniform() < 1 / 8 else random.uniform(2.1, 3.6))
    size = float(random.uniform(0.65, 1.0))
    event = "none"
    if seconds > 2:
        event = str(random.choice(["none", "flash", "whip pan"], p=[0.7, 0.18, 0.12]))
    if event == "whip pan":
        size = min(size, 0.75)
    frames = round(seconds * fps)
    return ShotPlan(
        footage=clip,
        start=float(random.uniform(0, max(0.01, clip.seconds - seconds))),
        frames=frames,
        view=(float(random.uniform(0, 1 - size)), float(random.uniform(0, 1 - size)), size),
        mirrored=bool(random.uniform() < 0.5),
        event=event,  # type: ignore[arg-type]
        event_at=round(frames * float(random.uniform(0.35, 0.65))),
    )

"""Plans of training videos like those people post: short shots, moving cameras, titles, quick effects between shots.

The suite that `just bench split` reports is calmer (`plan`). Here shot lengths vary more, most long shots contain an
event, and transitions are short: mostly cuts, and quick dissolves, pushes, whips and zooms.

    python -m pipeline.benchmarks.shots.fit --help
"""

from collections.abc import Sequence

import numpy as np

from pipeline.benchmarks.shots.footage import Footage
from pipeline.benchmarks.shots.plan import Event, FilmPlan, Kind, ShotPlan, Trouble

_SHOTS = 16
# The transitions of ten videos, and their length in seconds.
_KINDS: tuple[Kind, ...] = ("cut", "cut", "dissolve", "cut", "push", "cut", "whip", "cut", "zoom", "cut")
_SECONDS = (0.1, 0.5)
_TROUBLES: tuple[Trouble, ...] = ("none", "portrait", "subtitles", "none", "poster", "dark", "portrait", "none")
_RATES = (25, 30, 25, 30, 24, 60)
_EVENTS: tuple[Event, ...] = (
    "none", "pan", "push in", "shake", "pulse", "dim", "pass", "title", "flash", "whip pan",
)  # fmt: skip
_SHORTEST, _LONGEST = 0.3, 4.5


def plan_montages(clips: Sequence[Footage], name: str, count: int) -> list[FilmPlan]:
    """Plans of `count` videos from the footage, seeded by the name."""
    return [_montage(clips, name, number) for number in range(count)]


def _montage(clips: Sequence[Footage], name: str, number: int) -> FilmPlan:
    random = np.random.default_rng([len(name), *name.encode(), number])
    kind, fps = _KINDS[number % len(_KINDS)], _RATES[number % len(_RATES)]
    shots: list[ShotPlan] = []
    for _ in range(_SHOTS):
        others = [clip for clip in clips if not shots or clip.uri != shots[-1].footage.uri]
        shots.append(_shot(others[int(random.integers(len(others)))], fps, random))
    mixed = [0 if kind == "cut" else max(2, round(fps * float(random.uniform(*_SECONDS)))) for _ in shots[1:]]
    return FilmPlan(
        name=f"{name}-{kind}-{number}",
        kind=kind,
        trouble=_TROUBLES[number % len(_TROUBLES)],
        fps=fps,
        seed=int(random.integers(2**31)),
        shots=tuple(shots),
        mixed=tuple(mixed),
    )


def _shot(clip: Footage, fps: int, random: np.random.Generator) -> ShotPlan:
    # Lengths are uniform on a logarithmic scale, so that short shots are as frequent as long ones.
    seconds = float(np.exp(random.uniform(np.log(_SHORTEST), np.log(_LONGEST))))
    frames, size = round(seconds * fps), float(random.uniform(0.55, 0.8))
    event: Event = "none"
    if seconds > 1:
        event = _EVENTS[int(random.integers(len(_EVENTS)))]
    return ShotPlan(
        footage=clip,
        start=float(random.uniform(0, max(0.01, clip.seconds - seconds))),
        frames=frames,
        view=(float(random.uniform(0, 1 - size)), float(random.uniform(0, 1 - size)), size),
        mirrored=bool(random.uniform() < 0.5),
        event=event,
        event_at=round(frames * float(random.uniform(0.2, 0.7))),
    )

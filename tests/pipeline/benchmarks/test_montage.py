"""Montages to learn from: what happens inside their shots shows, and every boundary stands where the truth says.

python -m pytest tests/pipeline/benchmarks/test_montage.py
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pipeline.benchmarks.shots.draw import draw_video, mix
from pipeline.benchmarks.shots.events import EVENTS
from pipeline.benchmarks.shots.footage import LoadedFootage
from pipeline.benchmarks.shots.montage import plan_montages
from pipeline.benchmarks.shots.plan import Event, FilmPlan, ShotPlan, Trouble
from tests.films import moving, texture


def _footage(seed: int) -> LoadedFootage:
    images = list(moving(texture(seed, 320, 180), 100, (192, 108), (0, 0)))
    return LoadedFootage(f"{seed}", f"{seed}.mp4", 0.0, 4.0, np.stack(images))


_HALVES = (slice(0, 20), slice(20, 60))
CLIPS = [_footage(seed) for seed in (2, 5, 8)]


def _film(event: Event, trouble: Trouble = "none") -> list[np.ndarray]:
    shot = ShotPlan(
        footage=CLIPS[0], start=0.0, frames=60, view=(0.1, 0.1, 0.6), mirrored=False, event=event, event_at=20
    )
    plan = FilmPlan(name="one", kind="cut", trouble=trouble, fps=25, seed=4, shots=(shot,), mixed=())
    return list(draw_video(plan, 48, 27))


@pytest.mark.parametrize("event", EVENTS)
def test_what_happens_inside_a_shot_shows_from_its_frame_on(event: Event) -> None:
    calm, shown = _film("none"), _film(event)
    changed = [not np.array_equal(first, other) for first, other in zip(calm, shown, strict=True)]
    assert sum(changed) >= 3
    if event != "pan":  # it fills the shot
        # A window is drawn by interpolation, so the calm image differs a little until the event.
        early, late = (np.abs(np.stack(shown[part]).astype(int) - np.stack(calm[part])) for part in _HALVES)
        assert late.max(axis=0).mean() > early.max(axis=0).mean() + 10


@pytest.mark.parametrize("trouble", ["poster", "subtitles", "portrait"])
def test_a_trouble_changes_every_image_and_not_their_number(trouble: Trouble) -> None:
    calm, shown = _film("none"), _film("none", trouble)
    assert len(calm) == len(shown) == 60
    assert all(not np.array_equal(first, other) for first, other in zip(calm, shown, strict=True))


@pytest.mark.parametrize("kind", ["push", "whip", "zoom"])
def test_an_effect_leads_from_one_image_to_the_other(kind: str) -> None:
    old, new = np.full((27, 48, 3), 20, np.uint8), np.full((27, 48, 3), 220, np.uint8)
    levels = [float(mix(kind, old, new, share, 0).mean()) for share in (0.02, 0.25, 0.5, 0.75, 0.98)]
    assert all(before < after for before, after in pairwise(levels))
    assert levels[0] < 40
    assert levels[-1] > 200


def test_montages_are_drawn_the_same_again_and_hold_every_event_and_effect() -> None:
    plans = plan_montages(CLIPS, "learn", 20)
    assert repr(plans) == repr(plan_montages(CLIPS, "learn", 20))
    assert {shot.event for plan in plans for shot in plan.shots} >= set(EVENTS)
    assert {plan.kind for plan in plans} == {"cut", "dissolve", "push", "whip", "zoom"}
    for plan in plans:
        names = [shot.footage.name for shot in plan.shots]
        assert all(first != other for first, other in pairwise(names))


def test_a_montages_boundaries_stand_where_its_images_change() -> None:
    plan = next(plan_ for plan_ in plan_montages(CLIPS, "learn", 20) if plan_.kind == "cut" and plan_.trouble == "none")
    calm = replace(plan, shots=tuple(replace(shot, event="none") for shot in plan.shots))
    images = np.stack(list(draw_video(calm, 48, 27))).astype(int)
    change = np.abs(np.diff(images, axis=0)).mean(axis=(1, 2, 3))
    cuts = [boundary.end_of_old for boundary in calm.boundaries()]
    assert min(change[cut - 1] for cut in cuts) > 5 * np.median(change) + 5

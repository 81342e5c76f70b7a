"""The shot-accuracy suite: its videos show what their truth says, and its judge counts what it should.

python -m pytest tests/pipeline/benchmarks/test_shots.py
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.benchmarks.shots.draw import draw_video, write_video
from pipeline.benchmarks.shots.footage import Footage, LoadedFootage, halves, listed_footage
from pipeline.benchmarks.shots.judge import Counts, interval, judge, match
from pipeline.benchmarks.shots.marked_films import OURS
from pipeline.benchmarks.shots.plan import KINDS, FilmPlan, plan_videos
from pipeline.benchmarks.split import run_video
from pipeline.stages.split.detectors.base import Boundary
from schemas.errors import InputError
from tests.films import make_film, moving, texture

# Grey levels that no mixture of two others equals by chance.
LEVELS = (30, 61, 97, 140, 190, 223)


def _flat(level: int) -> LoadedFootage:
    return LoadedFootage(f"flat-{level}", f"flat-{level}", 0.0, 4.0, np.full((100, 27, 48, 3), level, np.uint8))


FLAT = [_flat(level) for level in LEVELS]


@pytest.mark.parametrize("plan", plan_videos(FLAT, "report", 0.01), ids=lambda plan: str(plan.kind))
def test_a_video_shows_what_its_truth_says(plan: FilmPlan) -> None:
    images = list(draw_video(plan, 48, 27))
    kept = [images[tick] for tick in plan.kept_ticks()]
    truth = plan.boundaries()
    assert len(truth) == len(plan.shots) - 1
    starts, ends = (
        [0, *(boundary.start_of_new for boundary in truth)],
        [*(boundary.end_of_old for boundary in truth), len(kept)],
    )
    for shot, start, end in zip(plan.shots, starts, ends, strict=True):
        level = shot.footage.stack[0, 0, 0, 0] if isinstance(shot.footage, LoadedFootage) else -1
        shown = {int(image[13, 24, 0]) for image in kept[start:end]}
        assert int(level) in shown
        # Flashes aside, frames that count as one shot show it alone.
        assert shown == {int(level)} or shot.event == "flash"
    for boundary in truth:
        assert boundary.is_cut == (plan.kind == "cut")


def test_neighbouring_shots_come_from_different_files_and_every_kind_is_there() -> None:
    plans = plan_videos(FLAT, "tune")
    assert {plan.kind for plan in plans} == set(KINDS)
    for plan in plans:
        names = [shot.footage.name for shot in plan.shots]
        assert all(first != other for first, other in pairwise(names))
    assert repr(plans) == repr(plan_videos(FLAT, "tune"))
    assert {plan.fps for plan in plans} >= {12, 60}
    assert {plan.trouble for plan in plans} == {"none", "variable rate", "late start", "letterbox", "dark"}


def test_halves_share_no_file() -> None:
    clips = [Footage(f"{name}#{part}", f"{name}.mp4", 0, 3) for name in "abcdefg" for part in (0, 1)]
    tune, report = halves(clips)
    assert len(tune) + len(report) == len(clips)
    assert not {clip.uri for clip in tune} & {clip.uri for clip in report}
    assert abs(len(tune) - len(report)) <= 2


def test_a_listed_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# a comment\nmissing.mp4\n")
    with pytest.raises(InputError, match=r"list\.txt names missing\.mp4"):
        listed_footage(tmp_path, tmp_path / "list.txt")


CUT, DISSOLVE = Boundary(50, 50), Boundary(100, 120)


@pytest.mark.parametrize(
    ("boundaries", "right", "false"),
    [
        ([], 0, 0),
        ([Boundary(50, 50), Boundary(101, 119)], 2, 0),
        ([Boundary(52, 52), Boundary(98, 98)], 2, 0),
        ([Boundary(53, 53)], 0, 1),
        ([Boundary(50, 50), Boundary(51, 51)], 1, 1),
        ([Boundary(101, 101), Boundary(110, 110)], 1, 0),
        ([Boundary(48, 122)], 1, 0),
    ],
)
def test_matching(boundaries: list[Boundary], right: int, false: int) -> None:
    pairs, extra = match([CUT, DISSOLVE], boundaries)
    assert (len(pairs), extra) == (right, false)


def test_a_clip_that_holds_one_mixed_frame_is_not_pure() -> None:
    edges = [index / 25 for index in range(201)]
    exact = judge([CUT, DISSOLVE], [CUT, DISSOLVE], edges, 2.0)
    assert (exact.clips, exact.pure, exact.coverage) == (3, 3, 1.0)
    early = judge([CUT, DISSOLVE], [CUT, Boundary(101, 120)], edges, 2.0)
    assert (early.clips, early.pure) == (3, 2)
    nothing = judge([CUT, DISSOLVE], [], edges, 2.0)
    assert (nothing.clips, nothing.pure, nothing.recall) == (1, 0, 0.0)
    assert judge([], [Boundary(0, 4), Boundary(190, 200)], edges, 2.0).false == 0


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_the_interval_holds_the_value(rights: list[int]) -> None:
    videos = [Counts(true=10, right=right) for right in rights]
    low, high = interval(videos, "recall")
    assert low <= sum(videos, Counts()).recall <= high


def test_a_video_is_made_once_and_judged_for_every_detector(tmp_path: Path) -> None:
    clips = []
    for seed in (1, 5, 9):
        path = tmp_path / f"{seed}.mp4"
        make_film(path, moving(texture(seed, 420, 240), 75, (320, 180), (1, 0)), fps=25)
        clips += [Footage(path.name, str(path), 0.0, 3.0)]
    plan = plan_videos(clips, "report", 0.01)[0]
    judged = run_video(plan, tmp_path / "films")
    (made,) = (tmp_path / "films").iterdir()
    before = made.stat().st_mtime_ns
    assert run_video(plan, tmp_path / "films") == judged
    assert made.stat().st_mtime_ns == before
    assert len(judged) == 7
    assert judged[OURS].recall >= 0.9
    write_video(plan, tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == made.read_bytes()

"""What the head learns from: the target of each frame, examples kept on disk, the same fit from the same videos.

python -m pytest tests/pipeline/benchmarks/test_fit.py
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.benchmarks.shots import fit as fitting
from pipeline.benchmarks.shots.examples import Example, marked_example
from pipeline.benchmarks.shots.fit import cross_validate, fit
from pipeline.benchmarks.shots.marked import Mark, MarkedVideo
from pipeline.benchmarks.shots.marked_judge import Tally
from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.detectors.head import FEATURES
from pipeline.stages.split.detectors.motion import NAMES as MOTION_NAMES
from pipeline.stages.split.detectors.signals import NAMES
from pipeline.stages.split.detectors.transnet_stream import OFFSETS
from schemas.config import SplitConfig
from tests.films import make_film, shots

MARKS = (
    Mark(Boundary(20, 20), "cut"),
    Mark(Boundary(40, 50), "dissolve"),
    Mark(Boundary(70, 71), "unsure"),
    Mark(Boundary(90, 92), "gradual"),
)


def _example(seed: int, frames: int = 120) -> Example:
    random = np.random.default_rng(seed)
    return Example(
        answers=random.uniform(0, 1, (frames, 2)).astype(np.float32),
        likeness=random.uniform(0, 1, (frames, 2 * len(OFFSETS))).astype(np.float32),
        signals=random.uniform(0, 3, (frames, len(NAMES))).astype(np.float32),
        motion=random.uniform(0, 2, (frames, len(MOTION_NAMES))).astype(np.float32),
        times=np.arange(frames) / 25,
        thumbnails=random.integers(0, 255, (frames, 27, 48, 3)).astype(np.uint8),
        marks=MARKS,
    )


def test_what_the_head_should_say_follows_the_marks() -> None:
    example = _example(0)
    assert example.features().shape == (120, FEATURES)
    expected, weights = example.wanted()
    assert np.flatnonzero(expected[:, 0]).tolist() == [20]
    assert np.flatnonzero(expected[:, 1]).tolist() == [*range(40, 50), 90, 91]
    assert np.flatnonzero(weights[:, 1] == 0).tolist() == list(range(68, 73))
    # Frames beside a cut, or a transition that is nearly one, hardly count; the cut itself counts fully.
    assert weights[19, 0] == weights[21, 0] == weights[90, 0] < weights[20, 0] == weights[0, 0]


def test_a_video_is_processed_once(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([20, 15], (96, 64)))
    video = MarkedVideo(tmp_path / "film.mp4", "films", (Mark(Boundary(20, 20), "cut"),))
    first = marked_example(video, tmp_path / "kept")
    (tmp_path / "film.mp4").unlink()
    again = marked_example(video, tmp_path / "kept")
    assert again.marks == first.marks == video.marks
    assert len(first.times) == 35
    np.testing.assert_array_equal(again.features(), first.features())
    assert first.answers[19, 0] > 0.5


def test_a_kept_example_that_lacks_what_examples_have_today_is_processed_again(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([12, 9], (96, 64)))
    video = MarkedVideo(tmp_path / "film.mp4", "films", (Mark(Boundary(12, 12), "cut"),))
    whole = marked_example(video, tmp_path)
    (path,) = tmp_path.glob("*.npz")
    with np.load(path) as kept:
        np.savez(path.with_name("short.npz"), **{name: kept[name] for name in kept.files if name != "motion"})
    path.with_name("short.npz").rename(path)
    np.testing.assert_array_equal(marked_example(video, tmp_path).features(), whole.features())


def test_the_same_videos_give_the_same_head_and_others_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "_STEPS", 3)
    videos = [_example(1), _example(2)]
    first, same, other = (head.state_dict() for head in (fit([], videos), fit([], videos), fit([_example(3)], videos)))
    assert all(torch.equal(value, same[name]) for name, value in first.items())
    assert not torch.equal(first["members.1.leave.weight"], other["members.1.leave.weight"])
    assert torch.equal(first["drawn.leave.weight"], other["drawn.leave.weight"])  # it learns nothing here
    assert not torch.equal(first["members.1.leave.weight"], first["members.2.leave.weight"])


def test_every_video_is_judged_once_by_a_head_that_never_saw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = [_example(seed) for seed in range(5)]
    seen: list[list[Example]] = []

    def spy(made: list[Example], marked: list[Example]) -> object:
        seen.append(list(marked))
        return marked

    def judge(head: list[Example], example: Example, config: SplitConfig) -> Tally:
        assert all(trained is not example for trained in head)
        return Tally(marked=videos.index(example))

    monkeypatch.setattr(fitting, "fit", spy)
    monkeypatch.setattr(fitting, "judge_head", judge)
    assert [tally.marked for tally in cross_validate([], videos, 3, SplitConfig())] == [0, 1, 2, 3, 4]
    assert len(seen) == 3

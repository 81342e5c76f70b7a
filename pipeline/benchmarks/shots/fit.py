"""Train the head of the default shot detector on videos with boundaries marked by people, and on synthetic ones.

The marked videos teach what real videos contain: camera moves, flashes, titles, and cuts that are hard to see. The
synthetic ones (made from the tuning half of the footage: calm videos with every kind of transition, and montages as
people post them) preserve clean cuts and long transitions. The member for synthetic transitions is that of the packaged
head: it was trained on synthetic videos only (by this file before it read marked ones; see the history). Its logits are
inputs of the other members, which learn from the synthetic videos when to trust it.

`--folds 5` cross-validates: each marked video is evaluated with a head that was trained on the other folds, and nothing
is written. Videos of the parts named by `--held-out` are only evaluated, never trained on. The synthetic videos that
`just bench split` reports are made from the other half of the footage.

    python -m pipeline.benchmarks.shots.fit <clips> --single-shots docs/benchmark-shots.txt --marked <folder> --folds 5
    python -m pipeline.benchmarks.shots.fit <clips> --single-shots docs/benchmark-shots.txt --marked <folder>
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from safetensors.torch import save_file
from torch.nn import functional

from pipeline.benchmarks.shots.examples import SMALL, Example, made_example, marked_example
from pipeline.benchmarks.shots.footage import Footage, halves, listed_footage, load_footage
from pipeline.benchmarks.shots.marked import MarkedVideo, read_marked
from pipeline.benchmarks.shots.marked_judge import Tally, judge_marked
from pipeline.benchmarks.shots.montage import plan_montages
from pipeline.benchmarks.shots.plan import KINDS, FilmPlan, plan_videos
from pipeline.stages.split.detectors.files import HEAD_FILE
from pipeline.stages.split.detectors.fused import Marks, find_boundaries
from pipeline.stages.split.detectors.head import MEMBER_FEATURES, Member, ShotHead, decide, load_drawn
from schemas.config import SplitConfig

CACHE = Path("~/.cache/cutroom/benchmarks/examples").expanduser()
_STEPS, _BATCH, _LENGTH, _RATE, _DECAY = 400, 16, 256, 3e-3, 1e-2
# Each member's seed, and the share of synthetic videos in its training data.
_MEMBERS = ((0, 0.25), (1, 0.4), (2, 0.3))
# Number of calm videos of each of `KINDS`, and of montages.
_CALM, _MONTAGES = (6, 4, 2, 2, 4), 24
_JITTER = 0.05  # standard deviation of the noise added to the features against overfitting
# A missed cut mixes two shots in a clip, a false one only shortens a shot: the odds of a cut are doubled, so that
# one half is the probability from which it is right to cut.
_ODDS = 2.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """A member's training data from one video: features [T, MEMBER_FEATURES], targets and loss weights [T, 2]."""

    features: NDArray[np.float32]
    wanted: NDArray[np.float32]
    weights: NDArray[np.float32]
    drawn: float


def plan_made(clips: Sequence[Footage]) -> list[FilmPlan]:
    """The synthetic videos: calm ones, the first of each kind of transition, and montages."""
    loaded = [load_footage(clip, *SMALL) for clip in clips]
    wanted = dict(zip(KINDS, _CALM, strict=True))
    calm = [plan for plan in plan_videos(loaded, "fa0") if int(plan.name.split("-")[-1]) < wanted[plan.kind]]
    return [*calm, *plan_montages(loaded, "montage", _MONTAGES)]


def fit(made: Sequence[Example], marked: Sequence[Example]) -> ShotHead:
    """Train a head on random stretches of the videos; the same videos give the same head."""
    head = ShotHead().eval()
    head.drawn.load_state_dict(load_drawn())
    ratio = sum(len(example.answers) for example in marked) / max(1, sum(len(example.answers) for example in made))
    for number, (seed, share) in enumerate(track(_MEMBERS, "fitting", transient=True)):
        lessons = [_lesson(head, example, 1.0) for example in marked]
        lessons += [_lesson(head, example, ratio * share / (1 - share)) for example in made if share]
        torch.manual_seed(seed)
        member = Member()
        _teach(member, lessons, seed)
        bias = member.leave.bias
        assert bias is not None
        with torch.no_grad():
            bias[0] += float(np.log(_ODDS))
        head.members[number] = member
    return head.eval()


def _lesson(head: ShotHead, example: Example, drawn: float) -> Lesson:
    inputs = head.member_features(torch.from_numpy(example.features().T[None]))[0].T.numpy()
    return Lesson(inputs, *example.wanted(), drawn)


def _teach(member: Member, lessons: Sequence[Lesson], seed: int) -> None:
    random = np.random.default_rng(seed)
    member.train()
    optimizer = torch.optim.AdamW(member.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    lengths = np.array([len(lesson.features) * lesson.drawn for lesson in lessons])
    for _ in range(_STEPS):
        chosen = random.choice(len(lessons), _BATCH, p=lengths / lengths.sum())
        features, wanted, weights = _batch([lessons[index] for index in chosen], random)
        loss = functional.binary_cross_entropy_with_logits(member(features), wanted, weight=weights)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(member.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def _batch(lessons: Sequence[Lesson], random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stretches of equal length, [B, C, T] each; padding of short videos has weight 0."""
    features = np.zeros((len(lessons), MEMBER_FEATURES, _LENGTH), np.float32)
    wanted, weights = np.zeros((2, len(lessons), 2, _LENGTH), np.float32)
    for row, lesson in enumerate(lessons):
        start = int(random.integers(0, max(1, len(lesson.features) - _LENGTH + 1)))
        part = lesson.features[start : start + _LENGTH]
        noise = random.standard_normal(part.shape, dtype=np.float32) * _JITTER
        features[row, :, : len(part)] = (part + noise).T
        wanted[row, :, : len(part)] = lesson.wanted[start : start + _LENGTH].T
        weights[row, :, : len(part)] = lesson.weights[start : start + _LENGTH].T
    return torch.from_numpy(features), torch.from_numpy(wanted), torch.from_numpy(weights)


def judge_head(head: ShotHead, example: Example, config: SplitConfig) -> Tally:
    """Evaluate the detector with this head on an example."""
    marks = Marks(example.answers, decide(head, example.features()))
    thumbnails = example.thumbnail_file()
    boundaries = find_boundaries(marks, thumbnails, *config.thresholds())
    thumbnails.clear()
    fps = (len(example.times) - 1) / (example.times[-1] - example.times[0])
    return judge_marked(example.marks, boundaries, len(example.times), fps, config.min_seconds)


def cross_validate(made: Sequence[Example], marked: Sequence[Example], folds: int, config: SplitConfig) -> list[Tally]:
    """Evaluate each marked video with a head that was trained without it."""
    order = np.random.default_rng(1).permutation(len(marked))
    judged: dict[int, Tally] = {}
    for fold in track(range(folds), "folds"):
        held_out = set(order[fold::folds].tolist())
        head = fit(made, [example for index, example in enumerate(marked) if index not in held_out])
        judged |= {index: judge_head(head, marked[index], config) for index in held_out}
    return [judged[index] for index in sorted(judged)]


def describe(name: str, total: Tally) -> str:
    """A line of figures."""
    return (
        f"{name}: precision {total.precision:.3f} recall {total.recall:.3f} F1 {total.f1:.3f}, {total.clips} clips, "
        f"pure {total.purity:.3f}, covered {total.coverage:.3f}, kept {total.kept_share:.3f}"
    )


def main() -> None:
    """Compute features, train, and write or evaluate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("footage", type=Path, help="folder of clips from which synthetic videos are made")
    parser.add_argument("--single-shots", type=Path, help="names of its files that contain a single shot")
    parser.add_argument("--marked", type=Path, required=True, help="folder of videos with boundaries marked by people")
    parser.add_argument("--held-out", nargs="*", default=["edited"], help="parts of them that are only evaluated")
    parser.add_argument("--folds", type=int, default=0, help="cross-validate with so many folds")
    parser.add_argument("--examples", type=Path, default=CACHE, help="where the features of the videos are cached")
    parser.add_argument("--out", type=Path, default=HEAD_FILE)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    plans = plan_made(halves(listed_footage(options.footage, options.single_shots))[0])
    made = [made_example(plan, options.examples) for plan in track(plans, "synthetic videos")]
    videos = read_marked(options.marked)
    learned = [video for video in videos if video.part not in options.held_out]
    marked = [marked_example(video, options.examples) for video in track(learned, "marked videos")]
    held_out = [marked_example(video, options.examples) for video in videos if video.part in options.held_out]
    config = SplitConfig()
    if options.folds:
        total = sum(cross_validate(made, marked, options.folds, config), Tally())
        print(describe(f"{len(marked)} videos, {options.folds} folds", total))
        return
    head = fit(made, marked)
    if held_out:
        print(
            describe(
                f"{len(held_out)} videos held out",
                sum((judge_head(head, example, config) for example in held_out), Tally()),
            )
        )
    _write(head, options.out, learned, len(made))


def _write(head: ShotHead, path: Path, marked: Sequence[MarkedVideo], made: int) -> None:
    facts = {
        "made_by": "python -m pipeline.benchmarks.shots.fit",
        "made_films": str(made),
        "marked_films": ", ".join(video.path.stem for video in marked),
    }
    save_file({name: value.contiguous() for name, value in head.state_dict().items()}, path, metadata=facts)
    print("\n".join(f"{name:12} {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main()

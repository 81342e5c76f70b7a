"""Fit the head of the default shot detector on films whose boundaries people marked, and on made ones.

Marked films teach what the world holds: camera moves, flashes, titles, and cuts that look like none. Made ones (of the
half of the footage that is kept for tuning: calm films of every kind of transition, and montages as people post them)
keep the knowledge of clean cuts and of long transitions. The member for drawn transitions is that of the packaged head:
it was fitted on made films alone (by this file before it read marked ones; see the history). The others hear it, and
learn from the made films when to believe it.

`--folds 5` judges: the marked films are divided, and each is judged by a head that was fitted on the others; nothing is
written. Films of the parts that `--held-out` names are never learned from, only judged. What `just bench split` reports
on made films is of the other half of the footage.

    python -m pipeline.benchmarks.shots.fit <footage> --single-shots docs/benchmark-shots.txt --marked <films> --folds 5
    python -m pipeline.benchmarks.shots.fit <footage> --single-shots docs/benchmark-shots.txt --marked <films>
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
from pipeline.benchmarks.shots.marked import MarkedFilm, read_marked
from pipeline.benchmarks.shots.marked_judge import Tally, judge_marked
from pipeline.benchmarks.shots.montage import plan_montages
from pipeline.benchmarks.shots.plan import KINDS, FilmPlan, plan_films
from pipeline.stages.split.detectors.files import HEAD_FILE
from pipeline.stages.split.detectors.fused import Marks, find_boundaries
from pipeline.stages.split.detectors.head import HEARD, Member, ShotHead, decide, load_drawn
from schemas.config import SplitConfig

CACHE = Path("~/.cache/cutroom/benchmarks/examples").expanduser()
_STEPS, _BATCH, _LENGTH, _RATE, _DECAY = 400, 16, 256, 3e-3, 1e-2
# Each member's seed, and the share of what it learns from that is made.
_MEMBERS = ((0, 0.25), (1, 0.4), (2, 0.3))
# Calm films by kind, as in `KINDS`, and montages.
_CALM, _MONTAGES = (6, 4, 2, 2, 4), 24
_JITTER = 0.05  # is added to the features, so that no member learns a film by heart
# A missed cut mixes two shots in a clip, a false one only shortens a shot: the odds of a cut are doubled, so that
# one half is the probability from which it is right to cut.
_ODDS = 2.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a member learns from one film: features [frames, HEARD], what it should say, and how much each counts."""

    features: NDArray[np.float32]
    wanted: NDArray[np.float32]
    weights: NDArray[np.float32]
    drawn: float


def plan_made(clips: Sequence[Footage]) -> list[FilmPlan]:
    """The films to make: calm ones, the first of each kind of transition, and montages."""
    loaded = [load_footage(clip, *SMALL) for clip in clips]
    wanted = dict(zip(KINDS, _CALM, strict=True))
    calm = [one for one in plan_films(loaded, "fa0") if int(one.name.split("-")[-1]) < wanted[one.kind]]
    return [*calm, *plan_montages(loaded, "montage", _MONTAGES)]


def fit(made: Sequence[Example], marked: Sequence[Example]) -> ShotHead:
    """A head fitted on random stretches of the films; the same films give the same head."""
    head = ShotHead().eval()
    head.drawn.load_state_dict(load_drawn())
    ratio = sum(len(one.answers) for one in marked) / max(1, sum(len(one.answers) for one in made))
    for place, (seed, share) in enumerate(track(_MEMBERS, "fitting", transient=True)):
        lessons = [_lesson(head, one, 1.0) for one in marked]
        lessons += [_lesson(head, one, ratio * share / (1 - share)) for one in made if share]
        torch.manual_seed(seed)
        member = Member()
        _teach(member, lessons, seed)
        bias = member.leave.bias
        assert bias is not None
        with torch.no_grad():
            bias[0] += float(np.log(_ODDS))
        head.members[place] = member
    return head.eval()


def _lesson(head: ShotHead, example: Example, drawn: float) -> Lesson:
    heard = head.hear(torch.from_numpy(example.features().T[None]))[0].T.numpy()
    return Lesson(heard, *example.wanted(), drawn)


def _teach(member: Member, lessons: Sequence[Lesson], seed: int) -> None:
    random = np.random.default_rng(seed)
    member.train()
    optimizer = torch.optim.AdamW(member.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    lengths = np.array([len(one.features) * one.drawn for one in lessons])
    for _ in range(_STEPS):
        chosen = random.choice(len(lessons), _BATCH, p=lengths / lengths.sum())
        features, wanted, weights = _batch([lessons[place] for place in chosen], random)
        loss = functional.binary_cross_entropy_with_logits(member(features), wanted, weight=weights)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(member.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def _batch(lessons: Sequence[Lesson], random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stretches of equal length, [batch, channels, frames] each; what a short film lacks counts nothing."""
    features = np.zeros((len(lessons), HEARD, _LENGTH), np.float32)
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
    """What the detector does with this head on a film that was looked at."""
    marks = Marks(example.answers, decide(head, example.features()))
    film = example.film()
    found = find_boundaries(marks, film, *config.thresholds())
    film.clear()
    fps = (len(example.times) - 1) / (example.times[-1] - example.times[0])
    return judge_marked(example.marks, found, len(example.times), fps, config.min_seconds)


def cross_validate(made: Sequence[Example], marked: Sequence[Example], folds: int, config: SplitConfig) -> list[Tally]:
    """Each marked film judged by a head that was fitted without it."""
    order = np.random.default_rng(1).permutation(len(marked))
    judged: dict[int, Tally] = {}
    for fold in track(range(folds), "folds"):
        held = set(order[fold::folds].tolist())
        head = fit(made, [one for place, one in enumerate(marked) if place not in held])
        judged |= {place: judge_head(head, marked[place], config) for place in held}
    return [judged[place] for place in sorted(judged)]


def describe(name: str, total: Tally) -> str:
    """A line of figures."""
    return (
        f"{name}: precision {total.precision:.3f} recall {total.recall:.3f} F1 {total.f1:.3f}, {total.clips} clips, "
        f"pure {total.purity:.3f}, covered {total.coverage:.3f}, kept {total.kept_share:.3f}"
    )


def main() -> None:
    """Look, fit, and write or judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("footage", type=Path, help="folder of clips to make films of")
    parser.add_argument("--single-shots", type=Path, help="names of its files that hold one shot each")
    parser.add_argument("--marked", type=Path, required=True, help="folder of films whose boundaries people marked")
    parser.add_argument("--held-out", nargs="*", default=["edited"], help="parts of them that are only judged")
    parser.add_argument("--folds", type=int, default=0, help="judge by cross-validation over so many folds")
    parser.add_argument("--examples", type=Path, default=CACHE, help="where what was seen of the films is kept")
    parser.add_argument("--out", type=Path, default=HEAD_FILE)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    plans = plan_made(halves(listed_footage(options.footage, options.single_shots))[0])
    made = [made_example(plan, options.examples) for plan in track(plans, "made films")]
    films = read_marked(options.marked)
    learned = [film for film in films if film.part not in options.held_out]
    marked = [marked_example(film, options.examples) for film in track(learned, "marked films")]
    held = [marked_example(film, options.examples) for film in films if film.part in options.held_out]
    config = SplitConfig()
    if options.folds:
        total = sum(cross_validate(made, marked, options.folds, config), Tally())
        print(describe(f"{len(marked)} films, {options.folds} folds", total))
        return
    head = fit(made, marked)
    if held:
        print(describe(f"{len(held)} films held out", sum((judge_head(head, one, config) for one in held), Tally())))
    _write(head, options.out, learned, len(made))


def _write(head: ShotHead, path: Path, marked: Sequence[MarkedFilm], made: int) -> None:
    facts = {
        "made_by": "python -m pipeline.benchmarks.shots.fit",
        "made_films": str(made),
        "marked_films": ", ".join(film.path.stem for film in marked),
    }
    save_file({name: value.contiguous() for name, value in head.state_dict().items()}, path, metadata=facts)
    print("\n".join(f"{name:12} {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main()

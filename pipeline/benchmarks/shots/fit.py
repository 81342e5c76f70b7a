"""Fit the head of the default shot detector on films of known truth, made of the half of the footage kept for tuning.

Films are encoded and decoded as those that are judged are, most of them small and at four qualities: what an encoder
leaves of a faint or short transition is what the head has to know. It starts from the weights of the last head, which
learned from other films, drawn as thumbnails and never encoded (in the history; the head's file has its digest);
signals that it did not know count nothing at first.
What it learns from never appears in what `just bench split` reports.

    python -m pipeline.benchmarks.shots.fit <folder> --single-shots docs/benchmark-shots.txt --start <last head>
"""

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch.nn import functional

from pipeline.benchmarks.shots.draw import write_film
from pipeline.benchmarks.shots.footage import Footage, halves, listed_footage, load_footage
from pipeline.benchmarks.shots.plan import KINDS, FilmPlan, plan_films
from pipeline.detectors.files import HEAD_FILE
from pipeline.detectors.head import FEATURES, ShotHead, make_features
from pipeline.detectors.signals import NAMES, Signals
from pipeline.detectors.transnet import TransNet, make_thumbnail
from pipeline.media.decode import Decoder
from pipeline.media.look import LookMaker
from pipeline.media.picture import PictureMaker
from pipeline.media.probe import probe

_STEPS, _BATCH, _LENGTH, _RATE = 900, 16, 400, 3e-3
# A film has few frames that begin a shot, so each counts for more; those beside one hardly count. A stretch of a film
# of cuts is drawn as often as one and a half of another's.
_BEGIN_WEIGHT, _BESIDE_WEIGHT, _CUT_FILM_WEIGHT = 4.0, 0.2, 1.5
# What is added to the features: TransNetV2's answers, the signals of change, light and contrast.
_JITTER = np.array([0.1] * 2 + [0.0 if name in ("light", "contrast") else 0.03 for name in NAMES])
_SMALL, _QUALITIES = (256, 144), (14, 20, 24, 28)  # pixels; x264's crf


@dataclass(frozen=True, slots=True)
class Suite:
    """Films of one name: how many of each of `KINDS`, from which files (the first, the step to the next), how encoded.

    `haste` shortens the transitions.
    """

    name: str
    films: tuple[int, int, int, int, int]
    files: tuple[int, int] = (0, 1)
    small: bool = True
    haste: float = 1.0


_SUITES = (
    Suite("tune", (5, 8, 8, 7, 7), small=False),
    Suite("tuneb", (0, 5, 5, 5, 5), small=False),
    Suite("fa0", (10, 8, 8, 7, 7), (0, 2)),
    Suite("fa1", (0, 6, 0, 0, 0), (0, 2), haste=0.5),
    Suite("fb0", (0, 8, 3, 0, 0), (1, 2)),
)


@dataclass(frozen=True, slots=True)
class Example:
    """A film's features [frames, FEATURES], what the head should say of it [frames, 2], and how much each counts."""

    features: NDArray[np.float32]
    wanted: NDArray[np.float32]
    weights: NDArray[np.float32]
    counts: float


def make_examples(clips: Sequence[Footage], folder: Path, suites: Sequence[Suite] = _SUITES) -> Iterator[Example]:
    """Make every planned film in the folder and look at it as the detector does."""
    network = TransNet(threads=1)
    for suite in suites:
        used: list[Footage] = list(clips[suite.files[0] :: suite.files[1]])
        if suite.small:
            used = [load_footage(clip, *_SMALL) for clip in used]
        for plan in track(_plans(used, suite), f"films of {suite.name}"):
            path = folder / f"{plan.name}.mp4"
            if suite.small:
                write_film(plan, path, *_SMALL, crf=_QUALITIES[plan.seed % len(_QUALITIES)])
            else:
                write_film(plan, path)
            yield _example(plan, path, network)
            path.unlink()


def _plans(clips: Sequence[Footage], suite: Suite) -> list[FilmPlan]:
    wanted = dict(zip(KINDS, suite.films, strict=True))
    plans = [plan for plan in plan_films(clips, suite.name) if int(plan.name.split("-")[-1]) < wanted[plan.kind]]
    hurried = [tuple(max(2, round(mixed * suite.haste)) if mixed else 0 for mixed in plan.mixed) for plan in plans]
    return [replace(plan, mixed=mixed) for plan, mixed in zip(plans, hurried, strict=True)]


def _example(plan: FilmPlan, path: Path, network: TransNet) -> Example:
    facts = probe(str(path), path.stat().st_size)
    geometry = facts.geometry
    maker, thumbnails = LookMaker(geometry, PictureMaker(geometry)), []
    with Decoder(str(path), facts.track) as decoder:
        for index, timed in enumerate(decoder.frames()):
            thumbnails.append(make_thumbnail(maker.look(index, timed, timed.time)))
            network.push(thumbnails[-1])
    found = network.finish()
    signals = Signals().push(np.stack(thumbnails), last=True)
    wanted, weights = np.zeros((2, len(thumbnails), 2), np.float32)
    weights += (_BEGIN_WEIGHT, 1.0)
    for boundary in plan.boundaries():
        wanted[boundary.end_of_old : boundary.start_of_new, 1] = 1
        if boundary.is_cut:
            weights[boundary.end_of_old - 1 : boundary.end_of_old + 2, 0] *= _BESIDE_WEIGHT
            weights[boundary.end_of_old, 0] = _BEGIN_WEIGHT
            wanted[boundary.end_of_old, 0] = 1
    features = make_features(np.stack([found.boundary, found.mixed], axis=1), signals)
    return Example(features, wanted, weights, _CUT_FILM_WEIGHT if plan.kind == "cut" else 1.0)


def started_from(path: Path) -> ShotHead:
    """A head with the weights of an earlier one that knew no more than the first features."""
    head, last = ShotHead(), load_file(path)
    entry = torch.zeros(head.enter.weight.shape)
    entry[:, : last["enter.weight"].shape[1]] = last["enter.weight"]
    head.load_state_dict({**last, "enter.weight": entry})
    return head


def fit(head: ShotHead, examples: Sequence[Example]) -> ShotHead:
    """The head, fitted on random stretches of the films."""
    random = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    lengths = np.array([len(one.features) * one.counts for one in examples])
    for _ in track(range(_STEPS), "fitting"):
        chosen = random.choice(len(examples), _BATCH, p=lengths / lengths.sum())
        features, wanted, weights = _batch([examples[place] for place in chosen], random)
        loss = functional.binary_cross_entropy_with_logits(head(features), wanted, weight=weights)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return head.eval()


def _batch(examples: Sequence[Example], random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stretches of equal length, [batch, channels, frames] each; what a short film lacks counts nothing."""
    stacked = np.zeros((3, len(examples), FEATURES, _LENGTH), np.float32)
    for row, example in enumerate(examples):
        start = int(random.integers(0, max(1, len(example.features) - _LENGTH + 1)))
        features = example.features[start : start + _LENGTH]
        jitter = random.normal(0, 1, features.shape) * _JITTER
        stacked[0, row, :, : len(features)] = (features + jitter).T
        stacked[1, row, :2, : len(features)] = example.wanted[start : start + _LENGTH].T
        stacked[2, row, :2, : len(features)] = example.weights[start : start + _LENGTH].T
    tensors = torch.from_numpy(stacked)
    return tensors[0], tensors[1, :, :2], tensors[2, :, :2]


def main() -> None:
    """Draw, fit, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--single-shots", type=Path, help="names of its files that hold one shot each")
    parser.add_argument("--start", type=Path, default=HEAD_FILE, help="the head to start from")
    parser.add_argument("--out", type=Path, default=HEAD_FILE)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    clips = halves(listed_footage(options.folder, options.single_shots))[0]
    start = started_from(options.start)
    with TemporaryDirectory() as folder:
        examples = list(make_examples(clips, Path(folder)))
    head = fit(start, examples)
    facts = {
        "made_by": "python -m pipeline.benchmarks.shots.fit",
        "started_from": hashlib.sha256(options.start.read_bytes()).hexdigest(),
        "footage": ", ".join(clip.name for clip in clips),
        "films": str(len(examples)),
        "frames": str(sum(len(one.features) for one in examples)),
    }
    save_file(head.state_dict(), options.out, metadata=facts)
    print("\n".join(f"{name:10} {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main()

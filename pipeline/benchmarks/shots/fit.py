"""Fit the head of the default shot detector on films of known truth, made of the half of the footage kept for tuning.

Films are drawn as thumbnails, never encoded: mixing is linear, so reducing first gives the same mixed frames at a
hundredth of the cost. Grain of several strengths stands in for what encoders leave behind, so that neither perfectly
still nor noisy footage is new to the head. What it learns from never appears in what `just bench split` reports.

    python -m pipeline.benchmarks.shots.fit <folder> --single-shots docs/benchmark-shots.txt
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from safetensors.torch import save_file
from torch.nn import functional

from pipeline.benchmarks.shots.draw import draw_film
from pipeline.benchmarks.shots.footage import Footage, LoadedFootage, halves, listed_footage, load_footage
from pipeline.benchmarks.shots.plan import FilmPlan, plan_films
from pipeline.detectors.files import HEAD_FILE
from pipeline.detectors.head import FEATURES, ShotHead, make_features
from pipeline.detectors.signals import Signals
from pipeline.detectors.transnet import TransNet

_SUITES = 3  # films of 40 plans each, other seeds
_STEPS, _BATCH, _LENGTH, _RATE = 1300, 24, 400, 4e-3
_GRAIN = (0.0, 0.0, 0.0, 0.4, 0.8)  # standard deviations in grey levels
# A film has few frames that begin a shot, so each counts for more; those beside one hardly count.
_BEGIN_WEIGHT, _BESIDE_WEIGHT = 4.0, 0.2


@dataclass(frozen=True, slots=True)
class Example:
    """A film's features [frames, FEATURES], what the head should say of it [frames, 2], and how much each counts."""

    features: NDArray[np.float32]
    wanted: NDArray[np.float32]
    weights: NDArray[np.float32]


def make_examples(clips: Sequence[LoadedFootage]) -> Iterator[Example]:
    """Draw every planned film and look at it as the detector does."""
    network = TransNet(threads=1)
    plans = [plan for number in range(_SUITES) for plan in plan_films(clips, f"train{number}")]
    for plan in track(plans, "drawing films"):
        yield _example(plan, network)


def _example(plan: FilmPlan, network: TransNet) -> Example:
    kept, random = set(plan.kept_ticks()), np.random.default_rng(plan.seed)
    grain = _GRAIN[plan.seed % len(_GRAIN)]
    thumbnails = []
    for tick, picture in enumerate(draw_film(plan, 96, 54)):
        if tick in kept:
            small = cv2.resize(picture, (48, 27), interpolation=cv2.INTER_AREA) + grain * random.normal(
                0, 1, (27, 48, 3)
            )
            thumbnails.append(np.clip(np.round(small), 0, 255).astype(np.uint8))
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
    return Example(make_features(np.stack([found.boundary, found.mixed], axis=1), signals), wanted, weights)


def fit(examples: Sequence[Example]) -> ShotHead:
    """A head fitted on random stretches of the films."""
    torch.manual_seed(0)
    random, head = np.random.default_rng(0), ShotHead()
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    lengths = np.array([len(one.features) for one in examples], float)
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
        jitter = random.normal(0, 1, features.shape) * ([0.1] * 2 + [0.03] * (FEATURES - 4) + [0.0] * 2)
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
    parser.add_argument("--out", type=Path, default=HEAD_FILE)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    footage: list[Footage] = halves(listed_footage(options.folder, options.single_shots))[0]
    clips = [load_footage(clip) for clip in track(footage, "reading footage")]
    examples = list(make_examples(clips))
    head = fit(examples)
    facts = {
        "made_by": "python -m pipeline.benchmarks.shots.fit",
        "footage": ", ".join(clip.name for clip in clips),
        "films": str(len(examples)),
        "frames": str(sum(len(one.features) for one in examples)),
    }
    save_file(head.state_dict(), options.out, metadata=facts)
    print("\n".join(f"{name:10} {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main()

"""`just bench train [parts]`: the cost of the trainer, part by part, compared with the alternatives.

    just bench train                          all parts
    just bench train packing step             some of them
    just bench train --record                 keeps the tables in docs/benchmarks.md

CPU time of one thread, medians of interleaved rounds, quoted as ratios; a number with a target is listed with it and
with whether it is reached. Part `loader` reads a finished dataset and part `timesteps` a finished run (`just curate
demo` and `just train demo` make the default ones).
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pipeline.benchmarks.record import Table, markdown_table, record
from schemas.command import make_parser
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from schemas.terminal import print_table

_DATASET, _RUN = "datasets/demo", "runs/demo-demo"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a part; 0 turns: the part's own default."""

    dataset: Path
    turns: int
    run: Path


def measure_packing(options: Options) -> list[Table]:
    """A packed batch compared with a padded batch and with one clip at a time."""
    from training.benchmarks.packing import HEADINGS, Clips, run

    clips = Clips()
    title = f"Packed and padded: the same {clips.tokens} tokens, forward and backward ({clips.waste:.0%} padding)"
    return [(title, HEADINGS, run(options.turns or 9))]


def measure_step(options: Options) -> list[Table]:
    """An optimiser step compared with the loop around diffusers' class."""
    from training.benchmarks.step import HEADINGS, run

    return [("A whole optimiser step: same weights, same batch of equal clips", HEADINGS, run(options.turns or 9))]


def measure_loader(options: Options) -> list[Table]:
    """Reading samples compared with plain readers of the same tars."""
    from training.benchmarks.loader import FIRST_HEADINGS, HEADINGS, run, run_first

    if not (options.dataset / "shards").is_dir():
        raise ConfigError(f"{options.dataset} is not a finished dataset; run `just curate demo`, or give --dataset")
    load = os.getloadavg()[0]
    first = f"The first batch, on the clock (load of the machine {load:.1f}), and memory"
    return [
        (first, FIRST_HEADINGS, _in_own_process(run_first)),
        ("Reading samples", HEADINGS, _in_own_process(run, str(options.dataset), options.turns or 5)),
    ]


def _in_own_process(measure: Callable[..., Any], *arguments: object) -> Any:
    """Run a measurement in its own process, so that its memory is not mixed with others'."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def measure_latents(options: Options) -> list[Table]:
    """Steps from a latent cache compared with steps from pixels."""
    from training.benchmarks.cached import HEADINGS, run

    return [("Training from cached latents and from pixels (a VAE of test size)", HEADINGS, run(options.turns or 15))]


def measure_saving(options: Options) -> list[Table]:
    """How long a checkpoint interrupts training."""
    from training.benchmarks.saving import HEADINGS, run

    return [("A checkpoint, on the clock", HEADINGS, run(options.turns or 5))]


def measure_plan(options: Options) -> list[Table]:
    """Planning ten million clips, in its own process."""
    from training.benchmarks.plan import HEADINGS, run

    return [("Planning an epoch", HEADINGS, _in_own_process(run))]


def measure_timesteps(options: Options) -> list[Table]:
    """The effect of explicit uniform timestep sampling on a finished run's loss."""
    from training.benchmarks.timesteps import HEADINGS, run

    if not (options.run / "config.yaml").exists():
        raise ConfigError(f"{options.run} is not a run; `just train demo` makes one, or give --run")
    return [("Spread of a step's mean loss, same clips and noise", HEADINGS, run(options.run))]


PARTS: dict[str, Callable[[Options], list[Table]]] = {
    "packing": measure_packing,
    "step": measure_step,
    "loader": measure_loader,
    "latents": measure_latents,
    "saving": measure_saving,
    "plan": measure_plan,
    "timesteps": measure_timesteps,
}
"""The parts by name."""


def main() -> None:
    """Entry point."""
    parser = make_parser("bench train", __doc__ or "")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--dataset", type=Path, default=Path(_DATASET), help=f"for loader (default: {_DATASET})")
    parser.add_argument("--run", type=Path, default=Path(_RUN), help=f"for timesteps (default: {_RUN})")
    parser.add_argument("--turns", type=int, default=0, help="runs of each side, in turns (default: the part's own)")
    parser.add_argument("--record", action="store_true", help="keep the tables in docs/benchmarks.md")
    arguments = parser.parse_args()
    for name in arguments.parts:
        if name not in PARTS:
            raise ConfigError(f"no part {name!r}; {did_you_mean(name, PARTS)}")
    if arguments.turns < 0:
        raise ConfigError(f"--turns {arguments.turns}: at least 1, or 0 for each part's own number")
    options = Options(arguments.dataset, arguments.turns, arguments.run)
    for name in arguments.parts or PARTS:
        tables = PARTS[name](options)
        for table in tables:
            print_table(*table)
        if arguments.record:  # per part, so that one can be measured again without the others
            sections = [
                text for title, headings, rows in tables for text in (f"{title}:", markdown_table(headings, rows))
            ]
            more = [argument for argument in sys.argv[1:] if argument not in PARTS and argument != "--record"]
            command = " ".join(["just bench train", name, *more, "--record"])
            record(f"train {name}", f"Training: {name}", sections, command)

"""`just bench train [parts]`: what the trainer costs, part by part, beside the alternatives.

    just bench train                          all parts
    just bench train packing step             some of them
    just bench train --record                 keeps the tables in docs/benchmarks.md

CPU time of one thread, medians of interleaved turns, quoted as ratios; where a number has an aim, it stands beside it,
with whether it is reached. Part `loader` reads a finished dataset and part
`timesteps` a finished run (`just curate demo` and `just train demo` make the default ones).
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
class Asked:
    """What the command line asks of a part: 0 turns leaves the number to it."""

    dataset: Path
    turns: int
    run: Path


def measure_packing(options: Asked) -> list[Table]:
    """A pack beside a padded batch and beside one clip at a time."""
    from training.benchmarks.packing import HEADINGS, Clips, run

    clips = Clips()
    title = f"Packed and padded: the same {clips.tokens} tokens, forward and backward ({clips.waste:.0%} padding)"
    return [(title, HEADINGS, run(options.turns or 9))]


def measure_step(options: Asked) -> list[Table]:
    """An optimiser step beside the loop around diffusers' class."""
    from training.benchmarks.step import HEADINGS, run

    return [("A whole optimiser step: same weights, same batch of equal clips", HEADINGS, run(options.turns or 9))]


def measure_loader(options: Asked) -> list[Table]:
    """Reading samples beside plain readers of the same tars."""
    from training.benchmarks.loader import FIRST_HEADINGS, HEADINGS, run, run_first

    if not (options.dataset / "shards").is_dir():
        raise ConfigError(f"{options.dataset} is no finished dataset; run `just curate demo`, or name one: --dataset")
    load = os.getloadavg()[0]
    first = f"The first batch, on the clock (load of the machine {load:.1f}), and memory"
    return [
        (first, FIRST_HEADINGS, _apart(run_first)),
        ("Reading samples", HEADINGS, _apart(run, str(options.dataset), options.turns or 5)),
    ]


def _apart(measure: Callable[..., Any], *arguments: object) -> Any:
    """What a function measures in a process of its own: nobody else's memory is in it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def measure_latents(options: Asked) -> list[Table]:
    """Steps from a latent cache beside steps from pixels."""
    from training.benchmarks.cached import HEADINGS, run

    return [("Training from cached latents and from pixels (a VAE of test size)", HEADINGS, run(options.turns or 15))]


def measure_saving(options: Asked) -> list[Table]:
    """How long a checkpoint stops training."""
    from training.benchmarks.saving import HEADINGS, run

    return [("A checkpoint, on the clock", HEADINGS, run(options.turns or 5))]


def measure_plan(options: Asked) -> list[Table]:
    """Planning ten million clips, in a process of its own, whose memory is nobody else's."""
    from training.benchmarks.plan import HEADINGS, run

    return [("Planning an epoch", HEADINGS, _apart(run))]


def measure_timesteps(options: Asked) -> list[Table]:
    """What explicit uniform sampling does for a finished run's loss."""
    from training.benchmarks.timesteps import HEADINGS, run

    if not (options.run / "config.yaml").exists():
        raise ConfigError(f"{options.run} is no run; `just train demo` makes one, or name one: --run")
    return [("Spread of a step's mean loss, same clips and noise", HEADINGS, run(options.run))]


PARTS: dict[str, Callable[[Asked], list[Table]]] = {
    "packing": measure_packing,
    "step": measure_step,
    "loader": measure_loader,
    "latents": measure_latents,
    "saving": measure_saving,
    "plan": measure_plan,
    "timesteps": measure_timesteps,
}
"""What there is to measure."""


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
    options = Asked(arguments.dataset, arguments.turns, arguments.run)
    for name in arguments.parts or PARTS:
        tables = PARTS[name](options)
        for table in tables:
            print_table(*table)
        if arguments.record:  # part by part, so that one can be measured again without the minutes of the others
            sections = [
                text for title, headings, rows in tables for text in (f"{title}:", markdown_table(headings, rows))
            ]
            more = [argument for argument in sys.argv[1:] if argument not in PARTS and argument != "--record"]
            command = " ".join(["just bench train", name, *more, "--record"])
            record(f"train {name}", f"Training: {name}", sections, command)

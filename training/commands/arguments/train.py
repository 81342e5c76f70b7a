"""The arguments of `just train`.

just train demo
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from schemas.command import make_parser
from schemas.describe import describe_config
from schemas.errors import DatasetError
from training.commands.front import add_recipe_arguments, dataset_of, recipe_of, settle
from training.doctor.ahead import check_ahead

_EPILOG = """examples:
  just train demo                                        the debug model on the demo dataset, minutes on a CPU
  just train datasets/mine --recipe cogvideox-5b-lora --set model.weights=models/CogVideoX-5b
  just train datasets/mine --config run.yaml --set stages.256.steps=1000
  just train datasets/mine --recipe cogvideox-2b --show-config

Run the same command again to resume after a stop, from the last checkpoint and with identical results.
Several processes: torchrun --nproc-per-node 8 -m training.commands.train <the same arguments> (docs/training.md)"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    made = make_parser("train", "Train a text-to-video model on a dataset of `just curate`.", _EPILOG)
    made.add_argument("dataset", help="dataset folder or s3://..., or `demo` (datasets/demo)")
    made.add_argument("--out", type=Path, help="the run's folder (default: runs/<dataset>-<recipe>)")
    add_recipe_arguments(made)
    made.add_argument(
        "--show-config", action="store_true", help="print all settings with their meaning, check them, and stop"
    )
    return made


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `settings` is the configuration.

    Raises `ConfigError` for what cannot work, and `DatasetError` for a dataset that is not there or lacks shards.
    """
    parsed = parser().parse_args(arguments)
    if parsed.show_config:
        _show(parsed)
    # Checks that need only a look at folders run before networks are imported, let alone opened.
    check_ahead(settle(parsed).settings)
    from training.doctor.shards import require_dataset

    require_dataset(parsed.settings, parsed.dataset)
    return parsed


def _show(parsed: argparse.Namespace) -> NoReturn:
    """Print the configuration, and run the checks that a run would fail on."""
    config = recipe_of(parsed)
    print(describe_config(config), end="", flush=True)
    check_ahead(config)
    try:
        dataset = dataset_of(parsed.dataset)
    except DatasetError as error:
        print(f"{error}; so the rules' columns were not looked up", file=sys.stderr)
    else:
        from training.doctor.shards import require_dataset

        require_dataset(config, dataset)
    raise SystemExit(0)

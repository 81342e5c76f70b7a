"""The arguments of `just doctor` about a recipe (`pipeline.commands.arguments.doctor` adds those about a cluster).

just doctor datasets/demo --recipe demo
"""

import argparse
from collections.abc import Sequence

from schemas.command import make_parser
from training.commands.front import add_recipe_arguments, settle

_EPILOG = """examples:
  just doctor demo
  just doctor datasets/mine --recipe cogvideox-2b --processes 8 --set encoders.codec_weights=models/CogVideoX-2b/vae

`just train` runs the same checks before its first step."""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    made = make_parser("doctor", "Check everything that a training run needs, and report what is wrong.", _EPILOG)
    made.add_argument("dataset", help="dataset folder or s3://..., or `demo` (datasets/demo)")
    made.add_argument("--processes", type=int, default=1, help="number of training processes")
    add_recipe_arguments(made)
    return made


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `settings` is the configuration. Raises `ConfigError`, or `DatasetError` for no folder."""
    return settle(parser().parse_args(arguments))

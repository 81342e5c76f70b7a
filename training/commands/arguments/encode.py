"""The arguments of `just encode`.

just encode datasets/demo --recipe demo --out datasets/demo-latents
"""

import argparse
from collections.abc import Sequence
from typing import get_args

from schemas.command import make_parser
from training.commands.front import add_recipe_arguments, settle
from training.latents.precision import Precision

_EPILOG = """examples:
  just encode demo                                              datasets/demo-latents, for the recipe demo
  just encode datasets/mine --recipe cogvideox-2b --device cuda --precision bfloat16
  just encode datasets/mine --verify                            read all of it again and check it
  just train datasets/mine --set data.latents=datasets/mine-latents

Every stage's shapes are encoded: latents once per shape, text embeddings once per caption. After a kill the same
command resumes where it stopped."""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    made = make_parser("encode", "Encode a dataset's clips and captions for a recipe, once.", _EPILOG)
    made.add_argument("dataset", help="dataset folder or s3://..., or `demo` (datasets/demo)")
    made.add_argument("--out", help="the cache's folder (default: <dataset>-latents)")
    made.add_argument("--precision", choices=get_args(Precision), default="float32", help="of the stored tensors")
    made.add_argument("--device", default="cpu", help="device of the encoders: cpu, cuda, cuda:1")
    made.add_argument("--verify", action="store_true", help="check every entry instead of encoding")
    add_recipe_arguments(made)
    return made


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `settings` is the configuration. Raises `ConfigError`, or `DatasetError` for no folder."""
    return settle(parser().parse_args(arguments))

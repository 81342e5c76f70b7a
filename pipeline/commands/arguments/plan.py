"""The arguments of `just plan`.

just plan ~/videos --finish 24h
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.commands.arguments.curate import require_bucket
from pipeline.commands.front import add_config_arguments, config_of
from schemas.command import make_parser
from schemas.errors import InputError

_EPILOG = """examples:
  just plan ~/videos                                   curate a sample, say what the whole will cost
  just plan s3://bucket/raw --profile gpu --finish 24h and the machines that end in a day
  just plan ~/videos --sample 200 --keep sampled       more sources; keep the sample's dataset
  just plan ~/videos --json plan.json"""
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser("plan", "Curate a sample of a bucket and estimate what all of it will cost.", _EPILOG)
    argument_parser.add_argument("bucket", help="a folder, s3://..., gs://..., a .txt file that lists URIs, or `demo`")
    add_config_arguments(argument_parser)
    argument_parser.add_argument(
        "--sample", type=int, metavar="N", help="sources to curate (default: 1 %%, at least 50 and at most 500)"
    )
    argument_parser.add_argument("--seed", type=int, default=0, help="seed of the sample and of the intervals (0)")
    argument_parser.add_argument("--finish", type=_duration, metavar="TIME", help="wanted time: 90m, 24h or 3d")
    argument_parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the sample's dataset here")
    argument_parser.add_argument("--json", type=Path, metavar="FILE", help="write the plan as JSON")
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `ConfigError` and `InputError` for what cannot be."""
    parsed = parser().parse_args(arguments)
    if parsed.sample is not None and parsed.sample < 1:
        raise InputError(f"--sample {parsed.sample}: at least one source is needed; give 1 or more")
    if parsed.seed < 0:
        raise InputError(f"--seed {parsed.seed}: a seed is 0 or more")
    if parsed.keep and parsed.keep.exists() and not (parsed.keep.is_dir() and not any(parsed.keep.iterdir())):
        raise InputError(f"--keep {parsed.keep} is there already; choose a folder that is not, or remove it")
    parsed.settings = config_of(parsed)
    require_bucket(parsed.bucket)
    return parsed


def _duration(text: str) -> float:
    """Seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", text)
    if not match or not float(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write minutes, hours or days, such as 90m, 24h or 3d")
    return float(match[1]) * _SECONDS[match[2]]

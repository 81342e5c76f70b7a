"""The arguments of `just bench`: the name of a benchmark; what follows is the benchmark's own.

just bench split --help
"""

import argparse
from collections.abc import Sequence

from schemas.command import make_parser
from schemas.errors import InputError
from schemas.nearest import did_you_mean

BENCHMARKS = {
    "split": "accuracy of shot detection, compared with five other detectors",
    "look": "cost of the decode pass, compared with a bare decode",
    "hour": "how much memory an hour of video takes",
    "duplicates": "approximate search of near-duplicates, compared with exact search",
    "captions": "cost of captioning with models, compared with the alternatives",
    "quality": "detection rate of the caption checks on planted faults, and their false alarms",
    "scale": "time and memory of the engine by the number of clips, up to ten million",
    "train": "cost of the trainer: packing, steps, loading, latents, checkpoints, planning",
    "latte": "Latte's variants, and initialisation from an image model compared with from scratch",
    "tune": "a small image model tuned on one video: loss, reconstruction, edits, before and after",
    "kills": "a run killed at random moments, compared with an undisturbed one, byte for byte",
    "distill": "a small summariser before and after distillation from a teacher",
}
_EPILOG = """benchmarks:
{}

examples:
  just bench split             the table
  just bench split --record    and writes it to docs/benchmarks.md
  just bench split --help      what else this one takes"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    listed = "\n".join(f"  {name:12} {description}" for name, description in BENCHMARKS.items())
    argument_parser = make_parser("bench", "Measure accuracy and speed, beside other tools.", _EPILOG.format(listed))
    argument_parser.add_argument("name", nargs="?", metavar="benchmark", help="which; none prints this list")
    argument_parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="arguments of the benchmark")
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `rest` goes to the benchmark. Raises `InputError` for one that does not exist."""
    argument_parser = parser()
    parsed = argument_parser.parse_args(arguments)
    if parsed.name is None:
        argument_parser.print_help()
        raise SystemExit(0)
    if parsed.name not in BENCHMARKS:
        raise InputError(f"no benchmark {parsed.name!r}; {did_you_mean(parsed.name, BENCHMARKS)}")
    return parsed

"""The arguments of `just bench`: the name of a benchmark; what follows is the benchmark's own.

just bench split --help
"""

import argparse
from collections.abc import Sequence

from schemas.command import make_parser
from schemas.errors import InputError
from schemas.nearest import did_you_mean

BENCHMARKS = {
    "split": "how exactly shots are found, beside five other detectors",
    "look": "what the decode pass costs, beside a bare decode",
    "hour": "how much memory an hour of film takes",
    "duplicates": "approximate search of near-duplicates, beside exact search",
    "captions": "what asking models for captions costs, beside the alternatives",
    "quality": "what the caption measures find of planted faults, and how often they cry wolf",
    "train": "what the trainer costs: packing, steps, loading, latents, checkpoints, planning",
    "latte": "Latte's variants, and a start from a picture model beside one from scratch",
    "tune": "one film learnt by a small image model: loss, reconstruction, edits, before and after",
    "distill": "a small summariser before and after it learned from a teacher",
}
_EPILOG = """benchmarks:
{}

examples:
  just bench split             the table
  just bench split --record    and writes it to docs/benchmarks.md
  just bench split --help      what else this one takes"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    listed = "\n".join(f"  {name:12} {what}" for name, what in BENCHMARKS.items())
    made = make_parser("bench", "Measure beside the alternatives.", _EPILOG.format(listed))
    made.add_argument("name", nargs="?", metavar="benchmark", help="which; none prints this list")
    made.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="arguments of the benchmark")
    return made


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `rest` goes to the benchmark. Raises `InputError` for one that does not exist."""
    made = parser()
    parsed = made.parse_args(arguments)
    if parsed.name is None:
        made.print_help()
        raise SystemExit(0)
    if parsed.name not in BENCHMARKS:
        raise InputError(f"no benchmark {parsed.name!r}; {did_you_mean(parsed.name, BENCHMARKS)}")
    return parsed

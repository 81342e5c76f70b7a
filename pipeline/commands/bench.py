"""`just bench <name> [arguments]`: run one benchmark; `--record` also writes its table to docs/benchmarks.md.

just bench                  what there is
just bench split --help
"""

import importlib
import sys

from schemas.command import run_command
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
# Their tables come from training, which commands alone may import.
_OF_TRAINING = ("train", "latte", "tune")


def main() -> int | None:
    """Entry point: hand over to the module of the benchmark's name."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print("usage: just bench <name> [--record] [arguments]\n")
        print("\n".join(f"  {name:12} {what}" for name, what in BENCHMARKS.items()))
        return None
    name = sys.argv[1]
    if name not in BENCHMARKS:
        raise InputError(f"no benchmark {name!r}; {did_you_mean(name, BENCHMARKS)}")
    del sys.argv[1]
    room = "pipeline.commands.bench_" if name in _OF_TRAINING else "pipeline.benchmarks."
    code: int | None = importlib.import_module(room + name).main()
    return code


if __name__ == "__main__":
    run_command(main)

"""Sides measured in turns: CPU seconds of this process at one thread, medians, and aims beside the numbers.

from training.benchmarks.turns import in_turns
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping

import torch


def in_turns(sides: Mapping[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Median CPU seconds of each side; every turn runs all of them once, after a turn to warm up."""
    torch.set_num_threads(1)
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns + 1):
        for name, run in sides.items():
            started = time.process_time()
            run()
            if turn:
                spent[name].append(time.process_time() - started)
    found = {name: statistics.median(values) for name, values in spent.items()}
    for name, seconds in found.items():
        print(f"{name}: {1000 * seconds:.1f} CPU ms", file=sys.stderr)
    return found


def at_least(value: float, aim: float) -> str:
    """`>= aim`, and whether the value comes up to it."""
    return f">= {aim:.2f}: {'reached' if value >= aim else 'missed'}"


def at_most(value: float, aim: float) -> str:
    """`<= aim`, and whether the value stays below it."""
    return f"<= {aim:g}: {'reached' if value <= aim else 'missed'}"

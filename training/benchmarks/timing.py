"""Interleaved timing: median CPU seconds of this process at one thread, and comparison with aims.

cost = interleaved({"ours": ours, "theirs": theirs}, rounds=7)
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping

import torch


def interleaved(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each side; every round runs all sides once, after a warm-up round."""
    torch.set_num_threads(1)
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for round_number in range(rounds + 1):
        for name, run in sides.items():
            started = time.process_time()
            run()
            if round_number:
                spent[name].append(time.process_time() - started)
    medians = {name: statistics.median(values) for name, values in spent.items()}
    for name, seconds in medians.items():
        print(f"{name}: {1000 * seconds:.1f} CPU ms", file=sys.stderr)
    return medians


def at_least(value: float, aim: float) -> str:
    """`>= aim`, and whether the value reaches it."""
    return f">= {aim:.2f}: {'reached' if value >= aim else 'missed'}"


def at_most(value: float, aim: float) -> str:
    """`<= aim`, and whether the value is within it."""
    return f"<= {aim:g}: {'reached' if value <= aim else 'missed'}"

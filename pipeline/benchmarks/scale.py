"""How the engine scales with the number of clips, on synthetic datasets: one benchmark per part of it.

just bench scale tables                               # 10 thousand to 1 million clips, some minutes
just bench scale tables --sizes 10000000 --record     # needs about 20 GB of disk
just bench scale packing --sizes 100000               # planning samples and shards: first, idle, and with changes
just bench scale overlap --rows 10000 --record        # stages that overlap, and what the engine costs
just bench scale bucket --record                      # a run over the demo's bucket, with an endpoint
just bench scale growth --films 1000 --record         # runs over a bucket that grows, and what they write
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence

from pipeline.benchmarks import scale_bucket, scale_growth, scale_overlap, scale_packing, scale_tables
from pipeline.benchmarks.record import Table, markdown_table, record
from schemas.command import make_parser
from schemas.terminal import print_table

# They have options of their own.
_OTHERS = {"overlap": scale_overlap.main, "growth": scale_growth.main, "bucket": scale_bucket.main}
SIZES = (10_000, 100_000, 1_000_000)
_PARTS: dict[str, tuple[str, str, Callable[[int], list[scale_tables.Step]]]] = {
    "tables": ("Tables out of core", scale_tables.NOTE, scale_tables.measure),
    "packing": ("Planning samples and shards", scale_packing.NOTE, scale_packing.measure),
}


def main() -> None:
    """Entry point."""
    if other := _OTHERS.get(next(iter(sys.argv[1:]), "")):
        sys.argv.pop(1)
        other()
        return
    parsed = _parser().parse_args()
    title, note, measure = _PARTS[parsed.part]
    steps = []
    for size in sorted(parsed.sizes):
        print(f"{size:,} clips ...", file=sys.stderr)
        steps += measure(size)
    tables = [_seconds(steps), *_exponent(steps)]
    for table in tables:
        print_table(*table)
    if parsed.record:
        sizes = " ".join(map(str, sorted(parsed.sizes)))
        parts = [f"**{name}**\n\n{markdown_table(headings, rows)}" for name, headings, rows in tables]
        command = f"just bench scale {parsed.part} --sizes {sizes} --record"
        record(f"scale {parsed.part}", title, [note, *parts], command)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("bench scale", "Measure time and memory of a synthetic dataset by its number of clips.")
    parser.add_argument("part", choices=sorted([*_PARTS, *_OTHERS]), help="the part of the engine")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="numbers of clips")
    parser.add_argument("--record", action="store_true", help="write the tables to docs/benchmarks.md")
    return parser


def _seconds(steps: Sequence[scale_tables.Step]) -> Table:
    rows: list[Sequence[object]] = [
        (f"{step.clips:,}", step.name, f"{step.rows:,}", f"{step.seconds:.1f}", f"{step.cpu_seconds:.1f}",
         f"{step.peak_gigabytes:.2f}")
        for step in steps
    ]  # fmt: skip
    return "Steps", ("clips", "step", "rows written", "seconds", "CPU seconds", "peak GB"), rows


def _exponent(steps: Sequence[scale_tables.Step]) -> list[Table]:
    """All steps together, and how their time grows: the slope between two sizes on logarithmic scales."""
    sizes = sorted({step.clips for step in steps})
    rows: list[Sequence[object]] = []
    before: tuple[int, float] | None = None
    for size in sizes:
        own = [step for step in steps if step.clips == size]
        cpu = sum(step.cpu_seconds for step in own)
        slope = math.log(cpu / before[1]) / math.log(size / before[0]) if before else math.nan
        peak = max(step.peak_gigabytes for step in own)
        wall = sum(step.seconds for step in own)
        rows.append((f"{size:,}", f"{wall:.1f}", f"{cpu:.1f}", f"{1e6 * cpu / size:.0f}", f"{peak:.2f}",
                     "" if before is None else f"{slope:.2f}"))  # fmt: skip
        before = size, cpu
    headings = ("clips", "seconds", "CPU seconds", "CPU microseconds per clip", "peak GB", "exponent of CPU time")
    return [("All steps", headings, rows)]


if __name__ == "__main__":
    main()

"""`just verify <dataset>`: re-open every shard and check it against the index; exit code 1 if anything is wrong.

just verify datasets/demo --share 0.01
"""

import argparse
import sys
from collections.abc import Sequence

from pipeline.commands.arguments.verify import parse
from pipeline.dataset.folder import Dataset
from pipeline.dataset.verify import in_share, sizes_of_shards, verify
from pipeline.engine.progress import Progress
from schemas.command import run_command

_SHOWN = 20


def report_verification(dataset: Dataset, complaints: Sequence[str], share: float = 1.0) -> int:
    """Print the verdict on a dataset whose shards were checked, and return the exit code.

    `share` is the share of the shards that were opened; the tables are always checked.
    """
    for complaint in complaints[:_SHOWN]:
        print(f"verify: {complaint}", file=sys.stderr)
    if complaints:
        more = f" ({len(complaints) - _SHOWN} more not shown)" if len(complaints) > _SHOWN else ""
        print(
            f"error: {dataset.store.uri}: {len(complaints)} problems{more}; remove the shards named and curate again",
            file=sys.stderr,
        )
        return 1
    counts = sizes_of_shards(dataset)
    opened = [shard for shard in counts if in_share(shard, share)]
    of = "" if share >= 1 else f" (a share of {share:g}: of {sum(counts.values())} in {len(counts)})"
    samples = sum(counts[shard] for shard in opened)
    print(
        f"verified: {samples} samples in {len(opened)} shards{of} decode to their buckets' exact shapes; ledger adds up"
    )
    return 0


def main() -> int:
    """Entry point."""
    return run(parse())


def run(parsed: argparse.Namespace) -> int:
    """Verify the dataset; returns the exit code."""
    dataset = Dataset(parsed.dataset)
    counts = {shard: count for shard, count in sizes_of_shards(dataset).items() if in_share(shard, parsed.share)}
    with Progress().bar("verify", sum(counts.values()), "samples") as advance:
        complaints = verify(dataset, advance, parsed.share)
    return report_verification(dataset, complaints, parsed.share)


if __name__ == "__main__":
    run_command(main)

"""`just verify <dataset>`: re-open every shard and check it against the index; exit code 1 if anything is wrong.

just verify datasets/demo
"""

import argparse
import sys

from pipeline.commands.arguments.verify import parse
from pipeline.dataset.folder import Dataset
from pipeline.dataset.verify import verify
from pipeline.engine.progress import Progress
from schemas.command import run_command
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES

_SHOWN = 20


def report_verification(dataset: Dataset) -> int:
    """Verify, print the verdict, and return the exit code."""
    samples = dataset.read_table(INDEX, SAMPLES)
    packed = [row for row in samples.to_pylist() if row["status"] == "ok"]
    with Progress().bar("verify", len(packed)) as advance:
        complaints = verify(dataset, advance)
    shards = {row["shard"] for row in packed}
    for complaint in complaints[:_SHOWN]:
        print(f"verify: {complaint}", file=sys.stderr)
    if complaints:
        more = f" ({len(complaints) - _SHOWN} more not shown)" if len(complaints) > _SHOWN else ""
        print(
            f"error: {dataset.store.uri}: {len(complaints)} problems{more}; remove the shards named and curate again",
            file=sys.stderr,
        )
        return 1
    print(
        f"verified: {len(packed)} samples in {len(shards)} shards decode to their buckets' exact shapes; ledger adds up"
    )
    return 0


def main() -> int:
    """Entry point."""
    return run(parse())


def run(parsed: argparse.Namespace) -> int:
    """Verify the dataset; returns the exit code."""
    return report_verification(Dataset(parsed.dataset))


if __name__ == "__main__":
    run_command(main)

"""`just ledger <dataset>`: the funnel and the reasons, or the rows in one state.

just ledger datasets/demo
just ledger datasets/demo --state failed
just ledger datasets/demo --kind span      # every lost span of video, and why
"""

import argparse
from collections import Counter, defaultdict

from pipeline.commands.arguments.ledger import parse
from pipeline.commands.summary import print_funnel
from pipeline.dataset.folder import Dataset
from schemas.command import run_command
from schemas.dataset_files import LEDGER_FILE
from schemas.outcome_tables import LEDGER
from schemas.terminal import print_table


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Print what is asked for."""
    ledger = Dataset(parsed.dataset).read_table(LEDGER_FILE, LEDGER)
    rows = [row for row in ledger.to_pylist() if parsed.kind in (None, row["kind"])]
    if parsed.state or parsed.kind == "span":
        chosen = [row for row in rows if parsed.state in (None, row["state"])]
        listed = [
            (row["kind"], row["source"], row["id"], round(row["seconds"], 2), row["reason"] or "") for row in chosen
        ]
        title = f"{len(listed)} rows {parsed.state or 'of lost spans'}"
        print_table(title, ("kind", "source", "id", "seconds", "reason"), listed)
        return
    print_funnel(ledger)
    reasons: Counter[tuple[str, ...]] = Counter()
    seconds: dict[tuple[str, ...], float] = defaultdict(float)
    for row in rows:
        if row["state"] != "shipped":
            group = (row["kind"], row["state"], row["stage"], row["reason"])
            reasons[group] += 1
            seconds[group] += row["seconds"]
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], str(item)))
    counted = [(count, round(seconds[parts], 1), *parts) for parts, count in ordered]
    print_table("Reasons", ("rows", "seconds", "kind", "state", "stage", "reason"), counted)


if __name__ == "__main__":
    run_command(main)

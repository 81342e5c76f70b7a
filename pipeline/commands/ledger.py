"""`just ledger <dataset>`: the funnel and the reasons, or the rows in one state.

just ledger datasets/demo
just ledger datasets/demo --state failed
just ledger datasets/demo --kind span      # every lost span of video, and why
"""

import argparse
from typing import TYPE_CHECKING

from pipeline.commands.arguments.ledger import parse
from pipeline.commands.summary import print_funnel
from pipeline.dataset.folder import Dataset
from schemas.command import run_command
from schemas.dataset_files import LEDGER_FILE
from schemas.outcome_tables import LEDGER
from schemas.terminal import print_table

if TYPE_CHECKING:
    from pipeline.dataset.query import Relation


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Print what is asked for."""
    from pipeline.dataset.query import querying

    dataset = Dataset(parsed.dataset)
    with querying(dataset.store) as connection:
        ledger = dataset.relation(connection, LEDGER_FILE, LEDGER)
        rows = ledger.filter(f"kind = '{parsed.kind}'") if parsed.kind else ledger
        if parsed.state or parsed.kind == "span":
            _list(rows.filter(f"state = '{parsed.state}'") if parsed.state else rows, parsed.state)
            return
        print_funnel(ledger)
        dropped = rows.filter("state <> 'shipped'")
        groups = dropped.aggregate("kind, state, stage, reason, count(*) AS rows, fsum(seconds) AS seconds").fetchall()
    ordered = sorted(groups, key=lambda group: (-group[4], str(group[:4])))
    counted = [(count, round(seconds, 1), *parts) for *parts, count, seconds in ordered]
    print_table("Reasons", ("rows", "seconds", "kind", "state", "stage", "reason"), counted)


def _list(rows: "Relation", state: str | None) -> None:
    chosen = rows.order("kind, source, id").project("kind, source, id, seconds, reason").fetchall()
    listed = [(kind, source, key, round(seconds, 2), reason or "") for kind, source, key, seconds, reason in chosen]
    title = f"{len(listed)} rows {state or 'of lost spans'}"
    print_table(title, ("kind", "source", "id", "seconds", "reason"), listed)


if __name__ == "__main__":
    run_command(main)

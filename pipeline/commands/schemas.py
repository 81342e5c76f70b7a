"""Print the table contracts: every column with its type, unit and range.

just schemas            # all tables
just schemas clips      # one table
"""

import argparse
import sys

from pipeline.measures import clips_table
from schemas import caption_tables, media_tables, outcome_tables, pack_tables, slice_tables
from schemas.command import run_command
from schemas.contract import TableContract
from schemas.errors import InputError
from schemas.nearest import did_you_mean


def contracts() -> dict[str, TableContract]:
    """All table contracts by name."""
    modules = (media_tables, clips_table, caption_tables, outcome_tables, pack_tables, slice_tables)
    tables = [value for module in modules for value in vars(module).values() if isinstance(value, TableContract)]
    return {contract.name: contract for contract in tables}


def main() -> None:
    """Entry point."""
    run(argparse.Namespace(tables=sys.argv[1:]))


def run(parsed: argparse.Namespace) -> None:
    """Print the tables that are named, or all of them."""
    known = contracts()
    for name in parsed.tables or known:
        if name not in known:
            raise InputError(f"no table {name!r}; {did_you_mean(name, known)}")
        contract = known[name]
        print(f"{contract.name} (key: {contract.key}): {contract.doc}")
        for column in contract.columns:
            print(f"  {column.name:16} {column.type!s:22} {column.doc}{' (may be null)' if column.optional else ''}")
        print()


if __name__ == "__main__":
    run_command(main)

"""`just ledger <dataset>`: the funnel and the reasons, or the rows in one state.

just ledger datasets/demo
just ledger datasets/demo --state failed
"""

from collections import Counter

from pipeline.commands.front import print_table
from pipeline.commands.summary import print_funnel
from pipeline.dataset import Dataset
from pipeline.verify import LEDGER_FILE
from schemas.command import make_parser, run_command
from schemas.outcome_tables import LEDGER, STATES


def main() -> None:
    """Entry point."""
    parser = make_parser("ledger", "Show in which state every video, clip and sample ended, and why.")
    parser.add_argument("dataset", help="dataset folder")
    parser.add_argument("--state", choices=STATES, help="list the rows in this state")
    parser.add_argument("--kind", choices=("video", "clip", "sample"), help="list or count this kind only")
    parsed = parser.parse_args()
    ledger = Dataset(parsed.dataset).read_table(LEDGER_FILE, LEDGER)
    rows = [row for row in ledger.to_pylist() if parsed.kind in (None, row["kind"])]
    if parsed.state:
        chosen = [row for row in rows if row["state"] == parsed.state]
        listed = [(row["kind"], row["source"], row["id"], row["reason"] or "") for row in chosen]
        print_table(f"{len(listed)} rows {parsed.state}", ("kind", "source", "id", "reason"), listed)
        return
    print_funnel(ledger)
    reasons = Counter(
        (row["kind"], row["state"], row["stage"], row["reason"]) for row in rows if row["state"] != "shipped"
    )
    counted = [(count, *parts) for parts, count in sorted(reasons.items(), key=lambda item: (-item[1], str(item)))]
    print_table("Reasons", ("rows", "kind", "state", "stage", "reason"), counted)


if __name__ == "__main__":
    run_command(main)

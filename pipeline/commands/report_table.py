"""The caption report on a terminal: measures of all samples and gates, in 80 columns, the verdict first.

just report <dataset>
"""

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from captioning.quality.records import Report
from captioning.report.markup import count_of, shown_name, shown_value
from captioning.report.verdict import verdict as judge

WIDTH = 80


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the verdict, the measures of all samples with their intervals (those at zero by name), and the gates."""
    console = console or Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(Text(judge(report).sentence, "bold"))
    suspect = sum(bool(view.findings) for view in report.samples)
    console.print(Text(f"{count_of(len(report.samples), 'sample')}, {suspect:,} with a finding"))
    table = _table("measure", "value", "95 % interval", "unit", "samples")
    every = report.measures.get("all", ())
    silent = [shown_name(one.name) for one in every if one.better == "low" and one.value == 0]
    for one in every:
        if shown_name(one.name) in silent:
            continue
        between = f"{shown_value(one.low, one.unit)} to {shown_value(one.high, one.unit)}"
        cells = (shown_name(one.name), shown_value(one.value, one.unit), between, one.unit, f"{one.count:,}")
        table.add_row(*map(Text, cells))
    console.print(table)
    if silent:
        console.print(Text(f"found nothing: {', '.join(silent)}"))
    if report.gates:
        console.print()
        gates = _table("gate", "value", "")
        for gate in report.gates:
            value = "not measured" if gate.value is None else f"{gate.value:.4g}"
            verdict = Text("holds", "green") if gate.passed else Text("fails", "bold red")
            gates.add_row(Text(gate.rule), Text(value), verdict)
        console.print(gates)
    console.print()


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        numeric = heading in ("value", "95 % interval", "samples")
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    return table

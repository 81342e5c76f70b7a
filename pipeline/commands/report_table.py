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
    measures = report.measures.get("all", ())
    silent = [shown_name(measure.name) for measure in measures if measure.better == "low" and measure.value == 0]
    for measure in measures:
        if shown_name(measure.name) in silent:
            continue
        between = f"{shown_value(measure.low, measure.unit)} to {shown_value(measure.high, measure.unit)}"
        cells = (
            shown_name(measure.name),
            shown_value(measure.value, measure.unit),
            between,
            measure.unit,
            f"{measure.count:,}",
        )
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

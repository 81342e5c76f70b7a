"""The caption report on a terminal.

python -m pytest tests/pipeline/commands/test_report_table.py
"""

import io
from dataclasses import replace

from rich.console import Console

from pipeline.commands.report_table import WIDTH, print_report
from tests.captioning.report.made_report import make_report


def test_it_fits_80_columns_and_says_measures_and_gates() -> None:
    out = io.StringIO()
    print_report(make_report(40), Console(file=out, width=WIDTH, highlight=False))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Look at this: 2 gates fail, ")
    assert any(line.startswith("40 samples, ") for line in lines)
    for words in (
        ["repeated", "%", "share", "40"],
        ["empty <= 0", "0", "holds"],
        ["grounded >= 0.5", "not measured", "fails"],
    ):
        assert any(all(word in line for word in words) for line in lines)


def test_checks_that_found_nothing_are_one_line() -> None:
    out = io.StringIO()
    report = make_report(40)
    (first, *rest) = report.measures["all"]
    zero = replace(first, name="thinking_aloud", value=0.0, low=0.0, high=0.1)
    print_report(replace(report, measures={"all": (zero, first, *rest)}), Console(file=out, width=WIDTH))
    assert [line for line in out.getvalue().splitlines() if "thinking aloud" in line] == [
        "found nothing: thinking aloud"
    ]


def test_a_name_is_never_taken_for_a_style() -> None:
    out = io.StringIO()
    report = make_report(3)
    gate = replace(report.gates[0], rule="[red]empty[/red] <= 0")
    print_report(replace(report, gates=(gate,)), Console(file=out, width=WIDTH))
    assert "[red]empty[/red] <= 0" in out.getvalue()

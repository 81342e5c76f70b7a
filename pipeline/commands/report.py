"""`just report <dataset>`: caption quality as a page, as JSON and as a table; exit code 1 if a gate fails.

just report datasets/demo --gate "empty <= 0" --gate "repeated <= 0.05"
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from captioning.quality.compare import Comparison, compare
from captioning.quality.gates import DEFAULT_GATES
from captioning.quality.judge import Settings, report_to_json
from captioning.quality.records import Report
from captioning.quality.sentence_model import SentenceModel
from captioning.report.page import write_page
from pipeline.commands.arguments.report import parse
from pipeline.commands.report_table import print_report
from pipeline.commands.view import DATA, PAGE
from pipeline.dataset.folder import Dataset
from pipeline.engine.progress import Progress
from pipeline.readers.quality import image_text_of, report_of
from pipeline.readers.showing import Stills
from pipeline.storage.addresses import clean
from schemas.command import run_command


def main() -> int:
    """Entry point."""
    return run(parse())


def run(parsed: argparse.Namespace) -> int:
    """Measure, compare, print and write; 1 if a gate fails."""
    report = judge(parsed.dataset, parsed.gate, parsed.samples)
    against = compare(judge(parsed.against, parsed.gate, parsed.samples), report) if parsed.against else None
    print_report(report)
    print(write_report(Dataset(parsed.dataset), report, against, with_page=not parsed.json_only))
    return exit_code(report)


def judge(uri: str, gates: Sequence[str], most: int = 0) -> Report:
    """Measure the captions of a dataset: of `most` samples, or of all (0)."""
    dataset = Dataset(uri)
    print(f"reading the captions of {dataset.store.uri}", file=sys.stderr)
    configured = dataset.read_record()["config"].get("report", {}).get("gates", DEFAULT_GATES)
    settings = Settings(
        dataset=clean(uri),
        gates=tuple(gates) or tuple(configured),
        embed=SentenceModel(),
        image_text=image_text_of(dataset),
    )
    with Progress().waiting("measuring the captions"):
        return report_of(dataset, settings, most)


def write_report(
    dataset: Dataset,
    report: Report,
    against: Comparison | None = None,
    with_page: bool = True,
    images: Callable[[str], bytes | None] | None = None,
) -> str:
    """Write the JSON and the page into the dataset; returns the path of the page (or of the JSON without one)."""
    dataset.store.write(DATA, report_to_json(report).encode())
    if not with_page:
        return dataset.store.path(DATA)
    page = write_page(report, images or Stills(dataset), against)
    dataset.store.write(PAGE, page.encode())
    return dataset.store.path(PAGE)


def exit_code(report: Report) -> int:
    """1 if a gate fails."""
    return 0 if all(gate.passed for gate in report.gates) else 1


if __name__ == "__main__":
    run_command(main)

"""`just report <dataset>`: how good the captions are, as a page, as JSON and as a table; exit code 1 if a gate fails.

just report datasets/demo --gate "empty <= 0" --gate "repeated <= 0.05"
"""

import sys
from collections.abc import Callable, Sequence

from captioning.quality.compare import Comparison, compare
from captioning.quality.gates import DEFAULT_GATES
from captioning.quality.judge import Settings, report_to_json
from captioning.quality.records import Report
from captioning.quality.sentence_model import SentenceModel
from captioning.report.page import write_page
from pipeline.commands.report_table import print_report
from pipeline.commands.view import DATA, PAGE
from pipeline.dataset.folder import Dataset
from pipeline.engine.progress import Progress
from pipeline.readers.quality import image_text_of, report_of
from pipeline.readers.showing import Stills
from pipeline.storage.addresses import clean
from pipeline.storage.named import find_dataset
from schemas.command import make_parser, run_command

_EPILOG = """examples:
  just report datasets/demo                          the page, the JSON, and a table here
  just report datasets/new --against datasets/old    what changed
  just report datasets/demo --gate "empty <= 0"      exit code 1 if any caption is empty

The page is one file that needs no network: <dataset>/report/index.html; `just view <dataset>` shows more of it."""


def main() -> int:
    """Entry point."""
    parser = make_parser("report", "Measure the captions of a dataset and write the report of them.", _EPILOG)
    parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    parser.add_argument(
        "--against", type=find_dataset, metavar="DATASET", help="compare with the captions of this dataset"
    )
    parser.add_argument("--gate", action="append", default=[], metavar="RULE", help='such as "empty <= 0"; repeatable')
    parser.add_argument("--json-only", action="store_true", help="write no page")
    parsed = parser.parse_args()
    report = judge(parsed.dataset, parsed.gate)
    against = compare(judge(parsed.against, parsed.gate), report) if parsed.against else None
    print_report(report)
    print(write_report(Dataset(parsed.dataset), report, against, with_page=not parsed.json_only))
    return exit_code(report)


def judge(uri: str, gates: Sequence[str]) -> Report:
    """Measure the captions of a dataset."""
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
        return report_of(dataset, settings)


def write_report(
    dataset: Dataset,
    report: Report,
    against: Comparison | None = None,
    with_page: bool = True,
    pictures: Callable[[str], bytes | None] | None = None,
) -> str:
    """Write the JSON and the page into the dataset; returns where what a person wants to open lies."""
    dataset.store.write(DATA, report_to_json(report).encode())
    if not with_page:
        return dataset.store.path(DATA)
    page = write_page(report, pictures or Stills(dataset), against)
    dataset.store.write(PAGE, page.encode())
    return dataset.store.path(PAGE)


def exit_code(report: Report) -> int:
    """1 if a gate fails."""
    return 0 if all(gate.passed for gate in report.gates) else 1


if __name__ == "__main__":
    run_command(main)

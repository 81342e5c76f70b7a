"""`just bench latte`: Latte's four variants on one dataset, and the gain of starting from an image model.

just bench latte                                 both tables and the curve, on datasets/demo (half an hour)
just bench latte starts --seeds 5                one of the two parts
just bench latte --record                        keeps the tables in docs/benchmarks.md
"""

import sys
import tempfile
from pathlib import Path

from pipeline.benchmarks.record import Table, markdown_table, record
from schemas.command import make_parser
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from schemas.terminal import print_table

PARTS = ("variants", "starts")


def measure(part: str, dataset: str, folder: Path, seeds: int) -> list[Table]:
    """The tables of one part."""
    from training.benchmarks import latte

    def note(text: str) -> None:
        print(text, file=sys.stderr)

    if part == "variants":
        title = "Four debug Lattes, trained by the recipe latte-demo; loss on held-out sources at five noise levels"
        return [(title, latte.VARIANT_HEADINGS, latte.compare_variants(dataset, folder, note))]
    comparison = latte.compare_starts(dataset, folder, note, seeds)
    curve = (
        f"Held-out loss of clips by step, mean of {seeds} seeds (least-most); the image model learned 400 steps on "
        "stills of the same clips before"
    )
    return [
        (curve, latte.CURVE_HEADINGS, comparison.curve_rows()),
        (
            "Steps to the held-out loss that training from scratch ends with",
            latte.REACH_HEADINGS,
            comparison.reach_rows(),
        ),
    ]


def main() -> None:
    """Entry point."""
    parser = make_parser("bench latte", __doc__ or "")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)} (default: both)")
    parser.add_argument("--dataset", default="datasets/demo", help="default: datasets/demo")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each start")
    parser.add_argument("--runs", type=Path, help="keep the runs in this folder, and resume those that exist")
    parser.add_argument("--record", action="store_true", help="keep the tables in docs/benchmarks.md")
    arguments = parser.parse_args()
    for part in arguments.parts:
        if part not in PARTS:
            raise ConfigError(f"no part {part!r}; {did_you_mean(part, PARTS)}")
    if not (Path(arguments.dataset) / "shards").is_dir():
        raise ConfigError(f"{arguments.dataset} is not a finished dataset; run `just curate demo`, or give --dataset")
    with tempfile.TemporaryDirectory() as scratch:
        for part in arguments.parts or PARTS:
            tables = measure(part, arguments.dataset, arguments.runs or Path(scratch), arguments.seeds)
            for table in tables:
                print_table(*table)
            if arguments.record:
                sections = [
                    text for title, headings, rows in tables for text in (f"{title}:", markdown_table(headings, rows))
                ]
                record(f"latte {part}", f"Latte: {part}", sections, f"just bench latte {part} --record")

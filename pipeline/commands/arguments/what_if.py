"""The arguments of `just what-if`.

just what-if datasets/demo "aesthetic in top 20%"
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.storage.named import find_dataset
from schemas.command import make_parser
from schemas.rule_sets import RULE_SETS, open_rules

PAGE = "report/what-if.html"
_EPILOG = """examples:
  just what-if datasets/demo                                        # the rules of the last run
  just what-if datasets/demo "aesthetic >= 4.8" "motion >= 1"
  just what-if datasets/demo "aesthetic in top 20%" "motion in middle 90%" "camera != static"
  just what-if datasets/demo cogvideox "text_area <= 0.01"

rule sets:
"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    sets = "".join(f"  {rule_set.name:12} {rule_set.source}\n" for rule_set in RULE_SETS.values())
    argument_parser = make_parser(
        "what-if", "Show what selection rules would keep of the scored clips.", _EPILOG + sets
    )
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    argument_parser.add_argument(
        "rules", nargs="*", metavar="RULE", help="rule or rule set; none: those of the last run"
    )
    argument_parser.add_argument("--html", type=Path, metavar="FILE", help=f"where to draw (default: <dataset>/{PAGE})")
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `RuleError` for what is no rule, `DatasetError` for a folder that is not there."""
    parsed = parser().parse_args(arguments)
    for text in parsed.rules:
        open_rules(text)
    return parsed

"""The arguments of `just teach`.

just teach labels.csv lecture --files ~/videos
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.storage.named import find_dataset
from schemas.command import make_parser
from schemas.config import ScoreConfig

_EPILOG = """labels.csv has a header row, and a row per label:
  file, clip or still   exactly one of them: a path, or an id (needs --dataset)
  seconds               of a file, after its first frame; without it the whole file
  label                 0 or 1, no or yes: a class; other numbers: a rating
  source                optional: what the row was taken from, where two files are copies of one video
  note                  optional, yours

examples:
  just teach --presets
  just teach labels.csv lecture --files ~/videos
  just teach labels.csv mood --dataset datasets/videos
"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser("teach", "Fit a head on the vectors of labelled items.", _EPILOG)
    argument_parser.add_argument("labels", nargs="?", type=Path, help="CSV of labels")
    argument_parser.add_argument("name", nargs="?", help="name of the head and of its column: a preset's, or any other")
    argument_parser.add_argument(
        "--files", type=Path, metavar="FOLDER", help="where files are (default: beside the CSV)"
    )
    argument_parser.add_argument(
        "--dataset",
        type=find_dataset,
        metavar="FOLDER",
        help="dataset of the labelled clips and stills; its embedder is used",
    )
    argument_parser.add_argument("--embedder", metavar="NAME", help=f"for files (default: {ScoreConfig().embedder})")
    argument_parser.add_argument("--embedder-weights", default="", metavar="PATH", help="as score.embedder_weights")
    argument_parser.add_argument("--out", type=Path, metavar="FILE", help="default: heads/<name>.safetensors")
    argument_parser.add_argument(
        "--origin", default="", metavar="TEXT", help="who gave the labels; goes into the provenance"
    )
    argument_parser.add_argument(
        "--worst", type=int, default=10, metavar="N", help="number of rows with the largest errors to print"
    )
    argument_parser.add_argument("--threads", type=int, default=2, metavar="N")
    argument_parser.add_argument(
        "--presets", action="store_true", help="print CogVideoX's six negative classes and exit"
    )
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    parsed = parser().parse_args(arguments)
    if not parsed.presets and (parsed.labels is None or parsed.name is None):
        parser().error("give a CSV of labels and a name, or --presets")
    return parsed

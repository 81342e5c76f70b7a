"""The arguments of `just export-clips`.

just export-clips datasets/demo exported --as prompts.txt
"""

import argparse
from collections.abc import Sequence

from pipeline.readers.export.clip import CAPTION_LENGTHS
from pipeline.readers.export.layouts import LAYOUTS
from pipeline.storage.named import find_dataset
from schemas.bucket import Bucket
from schemas.command import make_parser
from schemas.errors import ConfigError

SPLITS = ("train", "val")
_EPILOG = """examples:
  just export-clips datasets/demo exported --as prompts.txt
  just export-clips datasets/demo exported --as videos+txt --bucket 384x256x33@8 --caption short
  just export-clips datasets/demo exported --as json-list --split train

layouts (docs/export.md has each trainer's settings):
"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    listed = "".join(f"  {layout.name:15} {layout.readers}\n" for layout in LAYOUTS.values())
    argument_parser = make_parser(
        "export-clips", "Write a dataset's samples as files that other trainers read.", _EPILOG + listed
    )
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    argument_parser.add_argument(
        "folder", help="where to write; new, empty, or an earlier export, which is brought up to date"
    )
    argument_parser.add_argument("--as", dest="layout", required=True, choices=list(LAYOUTS), help="layout")
    argument_parser.add_argument(
        "--bucket", action="append", default=[], metavar="WxHxF@FPS", help="only this; may be repeated"
    )
    argument_parser.add_argument("--split", choices=SPLITS, help="only this (default: both, each in its own folder)")
    argument_parser.add_argument(
        "--caption", choices=CAPTION_LENGTHS, default="dense", help="which caption (default: dense)"
    )
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError`, `BucketError`, and `ConfigError` for what is no folder here."""
    parsed = parser().parse_args(arguments)
    if "://" in parsed.folder:
        raise ConfigError(f"folder {parsed.folder!r} is no folder on this machine, and trainers open files; name one")
    for bucket in parsed.bucket:
        Bucket.parse(bucket)
    return parsed

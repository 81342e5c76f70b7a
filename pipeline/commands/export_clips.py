"""`just export-clips <dataset> <folder> --as <layout>`: a dataset's samples as files that other trainers read.

just export-clips datasets/demo exported --as prompts.txt
just export-clips datasets/demo exported --as videos+txt --bucket 384x256x33@8 --caption short
"""

import sys
from collections import Counter
from pathlib import Path

from pipeline.dataset.folder import Dataset
from pipeline.engine.progress import Progress
from pipeline.readers.export.clip import CAPTION_LENGTHS
from pipeline.readers.export.layouts import LAYOUTS
from pipeline.readers.export.run import Choice, chosen_rows, export_clips
from pipeline.storage.named import find_dataset
from schemas.command import make_parser, run_command
from schemas.errors import ConfigError
from schemas.terminal import print_table

_EXAMPLES = """examples:
  just export-clips datasets/demo exported --as prompts.txt
  just export-clips datasets/demo exported --as videos+txt --bucket 384x256x33@8 --caption short
  just export-clips datasets/demo exported --as json-list --split train

layouts (docs/export.md has each trainer's settings):
"""
_SPLITS = ("train", "val")


def main() -> None:
    """Entry point."""
    listed = "".join(f"  {one.name:15} {one.readers}\n" for one in LAYOUTS.values())
    parser = make_parser(
        "export-clips", "Write a dataset's samples as files that other trainers read.", _EXAMPLES + listed
    )
    parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    parser.add_argument("folder", help="where to write; new, empty, or an earlier export, which is brought up to date")
    parser.add_argument("--as", dest="layout", required=True, choices=list(LAYOUTS), help="layout")
    parser.add_argument("--bucket", action="append", default=[], metavar="WxHxF@FPS", help="only this; may be repeated")
    parser.add_argument("--split", choices=_SPLITS, help="only this (default: both, each in its own folder)")
    parser.add_argument("--caption", choices=CAPTION_LENGTHS, default="dense", help="which caption (default: dense)")
    parsed = parser.parse_args()
    if "://" in parsed.folder:
        raise ConfigError(f"folder {parsed.folder!r} is no folder on this machine, and trainers open files; name one")
    layout = LAYOUTS[parsed.layout]
    splits = (parsed.split,) if parsed.split else _SPLITS
    choice = Choice(buckets=parsed.bucket, splits=splits, caption=parsed.caption)
    dataset = Dataset(parsed.dataset)
    rows, _ = chosen_rows(dataset, layout, choice)
    with Progress().bar("export clips", len(rows)) as advance:
        result = export_clips(dataset, Path(parsed.folder), layout, choice, advance)
    counted = Counter((one.split, str(one.bucket)) for one in result.clips)
    print_table(
        f"{len(result.clips)} clips as {layout.name}",
        ("split", "bucket", "clips"),
        [(split, bucket, count) for (split, bucket), count in sorted(counted.items())],
    )
    for reason, count in sorted(result.left_out.items()):
        print(f"left out: {count} {reason}", file=sys.stderr)
    if layout.one_shape and len({bucket for _, bucket in counted}) > 1:
        print("note: several shapes together; a trainer of one shape resizes all to it: see --bucket", file=sys.stderr)
    print(f"for {layout.readers}; settings of each: docs/export.md")
    print(f"{result.copied} copied, {len(result.clips) - result.copied} were there, {result.removed} removed")


if __name__ == "__main__":
    run_command(main)

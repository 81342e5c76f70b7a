"""`just export-clips <dataset> <folder> --as <layout>`: a dataset's samples as files that other trainers read.

just export-clips datasets/demo exported --as prompts.txt
just export-clips datasets/demo exported --as videos+txt --bucket 384x256x33@8 --caption short
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from pipeline.commands.arguments.export_clips import SPLITS, parse
from pipeline.dataset.folder import Dataset
from pipeline.engine.progress import Progress
from pipeline.readers.export.layouts import LAYOUTS
from pipeline.readers.export.run import Choice, chosen_rows, export_clips
from schemas.command import run_command
from schemas.terminal import print_table


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Export, and say what lies where."""
    layout = LAYOUTS[parsed.layout]
    splits = (parsed.split,) if parsed.split else SPLITS
    choice = Choice(buckets=parsed.bucket, splits=splits, caption=parsed.caption)
    dataset = Dataset(parsed.dataset)
    rows, _ = chosen_rows(dataset, layout, choice)
    with Progress().bar("export clips", len(rows)) as advance:
        result = export_clips(dataset, Path(parsed.folder), layout, choice, advance)
    counted = Counter((clip.split, str(clip.bucket)) for clip in result.clips)
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

"""`just bench tune`: a small image model tuned on one video; loss, reconstruction and edits before and after.

just bench tune                     about ten minutes of one thread
just bench tune --record            keeps the table in docs/benchmarks.md
"""

import sys
import tempfile
from pathlib import Path

from pipeline.benchmarks.record import markdown_table, record
from pipeline.media.encode import encode_png
from schemas.command import make_parser
from schemas.terminal import print_table


def main() -> None:
    """Entry point."""
    from training.benchmarks.tune import HEADINGS, Sizes, run
    from training.sampling.sheet import contact_sheet

    parser = make_parser("bench tune", __doc__ or "")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="keep model, run and sheet.png; used again if there")
    parser.add_argument("--record", action="store_true", help="keep the table in docs/benchmarks.md")
    parsed = parser.parse_args()
    sizes = Sizes()
    with tempfile.TemporaryDirectory() as scratch:
        folder: Path = parsed.out or Path(scratch)
        rows, videos = run(folder, sizes, lambda line: print(line, file=sys.stderr))
        if parsed.out:
            (folder / "sheet.png").write_bytes(encode_png(contact_sheet("Tune-A-Video", videos)))
    title = "One video learnt by a small image model"
    print_table(title, HEADINGS, rows)
    if parsed.record:
        about = (
            f"A UNet of 1.3 million weights learnt {sizes.stills} drawn stills in {sizes.image_steps} steps of"
            f" {sizes.batch}; then the video of 8 frames, {sizes.tune_steps} steps at {sizes.tune_rate:g}. Inversion"
            f" and sampling in {sizes.moves} moves, edits at guidance {sizes.guidance:g}, codec linear 8x8 per frame;"
            " PSNR is relative to the video as the codec reconstructs it."
        )
        record("tune", "Tune-A-Video", [about, markdown_table(HEADINGS, rows)], "just bench tune --record")

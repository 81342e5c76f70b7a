"""`just export <model> <folder>`: a folder that diffusers' `CogVideoXPipeline` opens, with what it was trained as.

just export models/cogvideox-sat/transformer exported/2b --vae models/CogVideoX-2b/vae
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from schemas.command import make_parser, run_command
from training.export.find import find_source
from training.export.folder import Encoders, Precision, export_folder

_EPILOG = """the model is a run of `just train`, a folder of `just export`, a CogVideoX folder of diffusers, or a SAT
checkpoint.

examples:
  just export runs/demo-demo exported/demo
  just export exported/lora exported/merged --merge
  just export sat/transformer exported/2b --vae models/CogVideoX-2b/vae --text-encoder models/CogVideoX-2b"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser("export", "Write a model as a folder that diffusers opens.", _EPILOG)
    parser.add_argument("model", type=Path, help="run, folder or SAT checkpoint")
    parser.add_argument("folder", type=Path, help="a new folder")
    parser.add_argument("--merge", action="store_true", help="work adapters (LoRA) into the weights")
    parser.add_argument("--precision", choices=get_args(Precision), default="float32", help="of the stored weights")
    parser.add_argument("--encoders", choices=get_args(Encoders), default="copy", help="VAE and T5 (default: copy)")
    parser.add_argument("--vae", default="", metavar="FOLDER", help="a VAE from elsewhere, in diffusers' format")
    parser.add_argument("--text-encoder", default="", metavar="FOLDER", help="a T5 from elsewhere")
    parser.add_argument("--positions", choices=["sincos", "rotary"], help="of a SAT checkpoint of unpublished size")
    parser.add_argument("--snr-shift", type=float, help="where the model's files do not tell (CogVideoX-2B: 3.0)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Write the folder and say what is in it."""
    options = parse(arguments)
    source = find_source(options.model, options.positions, options.snr_shift)
    source = source.with_encoders(options.vae, options.text_encoder)
    if options.merge:
        source = source.merged()
    export_folder(
        options.folder,
        source.family,
        source.state,
        source.record,
        adapters=source.adapters,
        precision=options.precision,
        encoders=options.encoders,
    )
    parts = sorted(one.name for one in options.folder.iterdir())
    print(f"{source.checkpoint} in {options.folder}: {', '.join(parts)}")
    return 0


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))

"""The arguments of `just export`.

just export runs/demo-demo exported/demo
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from schemas.command import make_parser
from training.export.choices import Encoders, Precision
from training.export.named import check_named

_EPILOG = """the model is a run of `just train`, a folder of `just export`, a CogVideoX folder of diffusers, or a SAT
checkpoint.

examples:
  just export runs/demo-demo exported/demo
  just export exported/lora exported/merged --merge
  just export sat/transformer exported/2b --vae models/CogVideoX-2b/vae --text-encoder models/CogVideoX-2b"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    made = make_parser("export", "Write a model as a folder that diffusers opens.", _EPILOG)
    made.add_argument("model", type=Path, help="run, folder or SAT checkpoint")
    made.add_argument("folder", type=Path, help="a new folder")
    made.add_argument("--merge", action="store_true", help="merge adapters (LoRA) into the weights")
    made.add_argument("--precision", choices=get_args(Precision), default="float32", help="of the stored weights")
    made.add_argument("--encoders", choices=get_args(Encoders), default="copy", help="VAE and T5 (default: copy)")
    made.add_argument("--vae", default="", metavar="FOLDER", help="another VAE, in diffusers' format")
    made.add_argument("--text-encoder", default="", metavar="FOLDER", help="another T5")
    made.add_argument("--positions", choices=["sincos", "rotary"], help="of a SAT checkpoint of unpublished size")
    made.add_argument("--snr-shift", type=float, help="if the model's files do not state it (CogVideoX-2B: 3.0)")
    return made


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `ConfigError` for a missing model."""
    parsed = parser().parse_args(arguments)
    check_named(parsed.model)
    return parsed

"""The arguments of `just sample`.

just sample runs/demo-demo --prompt "waves break on a beach"
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from schemas.bucket import Bucket
from schemas.command import make_parser
from schemas.errors import ConfigError, InputError
from schemas.in_our_words import what_is_wrong
from training.config import SamplingConfig
from training.export.named import check_named

_SAMPLERS = get_args(SamplingConfig.model_fields["sampler"].annotation)
_EPILOG = """the model is a run of `just train` or `just tune`, tuned.safetensors, a folder of `just export`, a
CogVideoX folder of diffusers, or a SAT checkpoint; it is sampled with its own noise schedule, grid and encoders.
Writes <out>/000.mp4, ..., sheet.png and samples.json.

examples:
  just sample runs/demo-demo --prompt "waves break on a beach"
  just sample exported/demo --prompt "a red car turns left" --prompt "waves" --shape 256x160x17@8
  just sample models/CogVideoX-2b --prompts prompts.txt --shape 720x480x49@8 --sampler dpm --steps 30"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    made = make_parser("sample", "Make videos from a model.", _EPILOG)
    made.add_argument("model", type=Path, help="run, tuned.safetensors, folder or SAT checkpoint")
    made.add_argument("--prompt", action="append", default=[], metavar="TEXT", help="may be repeated")
    made.add_argument("--prompts", type=Path, metavar="FILE", help="one prompt per line")
    made.add_argument("--shape", metavar="WxHxF@FPS", help="size, frames and rate, as a bucket (default: of training)")
    made.add_argument("--sampler", choices=sorted(_SAMPLERS), help="default of this and the next four: the run's")
    made.add_argument("--steps", type=int)
    made.add_argument("--guidance", type=float, help="1 with --constant-guidance: none")
    made.add_argument("--constant-guidance", action="store_true", help="do not let guidance grow with the steps")
    made.add_argument("--largest", type=float, help="bound on the predicted clean latents; 0: none")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--out", type=Path, help="default: samples/<model>-seed<seed>")
    made.add_argument("--vae", default="", metavar="FOLDER", help="another VAE, in diffusers' format")
    made.add_argument("--text-encoder", default="", metavar="FOLDER", help="another T5")
    made.add_argument("--snr-shift", type=float, help="if the model's files do not state it (CogVideoX-2B: 3.0)")
    made.add_argument("--device", help="default: cuda if available, else cpu")
    made.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="of the network")
    return made


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `order` are the prompts and `changes` the sampling settings, both checked.

    Raises `ConfigError` for a wrong setting or model, `InputError` for prompts, `BucketError` for a shape.
    """
    parsed = parser().parse_args(arguments)
    parsed.order, parsed.changes = _prompts(parsed), _changes(parsed)
    if parsed.shape:
        Bucket.parse(parsed.shape)
    check_named(parsed.model)
    return parsed


def _changes(options: argparse.Namespace) -> dict[str, object]:
    """The sampling settings given on the command line. Raises `ConfigError` for an invalid one."""
    names = ("sampler", "steps", "guidance", "largest")
    changes = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.constant_guidance:
        changes["dynamic_guidance"] = False
    try:
        SamplingConfig(**changes)
        return changes
    except ValidationError as error:
        location, _, value, words = what_is_wrong(error)[0]
        raise ConfigError(f"--{location[0]} {value}: {words}") from None


def _prompts(options: argparse.Namespace) -> list[str]:
    prompts: list[str] = list(options.prompt)
    if options.prompts:
        try:
            lines = options.prompts.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"--prompts {options.prompts} cannot be read: {error}") from None
        prompts += [line.strip() for line in lines if line.strip()]
    if not prompts:
        raise InputError('no prompts; give --prompt "..." or --prompts FILE')
    return prompts

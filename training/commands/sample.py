"""`just sample <model> --prompt "..."`: videos from a model, with its own sampler and on the grid of its training.

just sample exported/demo --prompt "a red car turns left" --shape 256x160x17@8
just sample models/CogVideoX-2b --prompts prompts.txt --shape 720x480x49@8 --sampler dpm --steps 30
"""

import argparse
import sys
from pathlib import Path

import torch
from pydantic import ValidationError

from schemas.bucket import Bucket
from schemas.command import make_parser, run_command
from schemas.errors import ConfigError, InputError
from schemas.heartbeat import Heartbeat
from schemas.in_our_words import what_is_wrong
from training.config import SamplingConfig
from training.data.shapes import ClipShape
from training.export.find import find_source
from training.export.source import Source
from training.sampling.make import Order, make_clips, write_samples
from training.sampling.open import open_model
from training.sampling.samplers import SAMPLERS

_EPILOG = """the model is a run of `just train`, a folder of `just export`, a CogVideoX folder of diffusers, or a SAT
checkpoint; it is sampled with the shift of its noise levels, its grid and its encoders.
Writes <out>/000.mp4, ..., sheet.png and samples.json.

examples:
  just sample runs/demo-demo --prompt "waves break on a beach"
  just sample exported/demo --prompt "a red car turns left" --prompt "waves" --shape 256x160x17@8
  just sample models/CogVideoX-2b --prompts prompts.txt --shape 720x480x49@8 --sampler dpm --steps 30"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser("sample", "Make videos from a model.", _EPILOG)
    parser.add_argument("model", type=Path, help="run, folder or SAT checkpoint")
    parser.add_argument("--prompt", action="append", default=[], metavar="TEXT", help="may be repeated")
    parser.add_argument("--prompts", type=Path, metavar="FILE", help="one prompt per line")
    parser.add_argument(
        "--shape", metavar="WxHxF@FPS", help="size, frames and rate, as a bucket (default: of training)"
    )
    parser.add_argument("--sampler", choices=sorted(SAMPLERS), help="this and what follows: as the run sampled")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float, help="1 and constant: none")
    parser.add_argument("--constant-guidance", action="store_true", help="do not let guidance grow with the steps")
    parser.add_argument("--largest", type=float, help="bound on clean latents; 0: none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="default: samples/<model>-seed<seed>")
    parser.add_argument("--vae", default="", metavar="FOLDER", help="a VAE from elsewhere, in diffusers' format")
    parser.add_argument("--text-encoder", default="", metavar="FOLDER", help="a T5 from elsewhere")
    parser.add_argument("--snr-shift", type=float, help="where the model's files do not tell (CogVideoX-2B: 3.0)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="of the network")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Make the samples and say where they are."""
    options = parse(arguments)
    prompts, changes = _prompts(options), _changes(options)  # before gigabytes are read
    source = find_source(options.model, shift=options.snr_shift)
    source = source.with_encoders(options.vae, options.text_encoder)
    settings = source.record.sampling.model_copy(update=changes)
    order = Order(prompts=prompts, shape=_shape(options.shape, source), settings=settings, seed=options.seed)
    loaded = open_model(source, options.device, getattr(torch, options.precision))
    out = options.out or Path("samples") / f"{source.name}-seed{options.seed}"
    print(f"sampling {len(prompts)} prompts ({order.describe()}) into {out}", file=sys.stderr)
    with Heartbeat("sampling", settings.steps, "steps", always=True) as beat:
        clips = make_clips(loaded, order, beat.reach_of)
    write_samples(out, loaded, order, clips)
    print(f"{len(order.prompts)} samples of {loaded.checkpoint} ({order.describe()}) in {out}")
    print(f"codec: {loaded.codec.name}; look at {out / 'sheet.png'}")
    return 0


def _changes(options: argparse.Namespace) -> dict[str, object]:
    """What the command line says of sampling, checked."""
    names = ("sampler", "steps", "guidance", "largest")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.constant_guidance:
        given["dynamic_guidance"] = False
    try:
        SamplingConfig(**given)
        return given
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


def _shape(text: str | None, source: Source) -> ClipShape:
    wanted = text or source.record.shape
    if not wanted:
        raise ConfigError(f"{source.name} does not say a shape; give one, for example --shape 720x480x49@8")
    bucket = Bucket.parse(wanted)
    return ClipShape(bucket.width, bucket.height, bucket.frames, bucket.fps)


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))

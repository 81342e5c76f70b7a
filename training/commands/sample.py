"""`just sample <model> --prompt "..."`: samples videos from a model, as it was trained.

just sample exported/demo --prompt "a red car turns left" --shape 256x160x17@8
just sample models/CogVideoX-2b --prompts prompts.txt --shape 720x480x49@8 --sampler dpm --steps 30
just sample runs/video-tune-a-video/tuned.safetensors --prompt "a bear skis on snow"
"""

import argparse
import sys
from pathlib import Path

import torch

from schemas.bucket import Bucket
from schemas.command import run_command
from schemas.errors import ConfigError
from schemas.heartbeat import Heartbeat
from training.commands.arguments.sample import parse
from training.data.shapes import ClipShape
from training.export.find import find_source
from training.export.source import Source
from training.sampling.make import SamplingRequest, make_clips, write_samples
from training.sampling.open import open_model


def main(arguments: list[str]) -> int:
    """Entry point."""
    return run(parse(arguments))


def run(options: argparse.Namespace) -> int:
    """Sample, write, and print where the files are."""
    source = find_source(options.model, shift=options.snr_shift)
    source = source.with_encoders(options.vae, options.text_encoder)
    settings = source.record.sampling.model_copy(update=options.changes)
    shape = _shape(options.shape, source)
    request = SamplingRequest(prompts=options.order, shape=shape, settings=settings, seed=options.seed)
    loaded = open_model(source, options.device or _usual_device(), getattr(torch, options.precision))
    out = options.out or Path("samples") / f"{source.name}-seed{options.seed}"
    print(f"sampling {len(request.prompts)} prompts ({request.describe()}) into {out}", file=sys.stderr)
    with Heartbeat("sampling", settings.steps, "steps", always=True) as beat:
        clips = make_clips(loaded, request, beat.reach_of)
    write_samples(out, loaded, request, clips)
    print(f"{len(request.prompts)} samples of {loaded.checkpoint} ({request.describe()}) in {out}")
    print(f"codec: {loaded.codec.name}; see {out / 'sheet.png'}")
    return 0


def _usual_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _shape(text: str | None, source: Source) -> ClipShape:
    if not text:
        if not source.record.shape:
            raise ConfigError(f"{source.name} does not state a shape; set one, for example --shape 720x480x49@8")
        return ClipShape.parse(source.record.shape)
    bucket = Bucket.parse(text)
    return ClipShape(bucket.width, bucket.height, bucket.frames, bucket.fps)


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))

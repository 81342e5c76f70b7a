"""The arguments of `just tune`.

just tune video.mp4 "a man skis on snow" --model models/stable-diffusion-v1-4 --edit "a bear skis on snow"
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.storage.named import find_dataset
from schemas.command import add_change_arguments, make_parser
from schemas.errors import ConfigError
from training.models.tune_a_video.tuned_file import read_facts
from training.recipes import image_model_changes, load_training

RECIPE = "tune-a-video"
_EPILOG = """the model is a folder of Stable Diffusion 1 or 2-base in diffusers' format. Its VAE and CLIP are used if it
holds them; a UNet alone is used with the packaged codec and text encoder.
Writes <out>/tuned.safetensors and <out>/edits: videos side by side, a sheet, and metrics. Run the same command again to
resume after a stop, or to make other edits with the tuned weights; --tuned makes edits with weights of another run.

examples:
  just tune video.mp4 "a man skis on snow" --model models/stable-diffusion-v1-4 --edit "a bear skis on snow"
  just tune video.mp4 "a man skis on snow" --model models/sd --edit "a man surfs" --frames 32 --stride 2 --start 1.5
  just tune datasets/demo --clip 3f1c-0-4000 --model models/sd --edit "the same street at night\""""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    made = make_parser("tune", "Tune an image model on one video (Tune-A-Video), and edit it by prompts.", _EPILOG)
    made.add_argument("video", help="video file; or a dataset, with --clip")
    made.add_argument("caption", nargs="?", default="", help="what the video shows (default: the clip's caption)")
    made.add_argument("--edit", action="append", default=[], metavar="PROMPT", help="may be repeated")
    made.add_argument("--model", required=True, metavar="FOLDER", help="image model in diffusers' format")
    made.add_argument("--tuned", type=Path, metavar="FILE", help="edit with these tuned weights instead of tuning")
    made.add_argument("--clip", default="", metavar="ID", help="clip or sample of the dataset")
    made.add_argument("--size", metavar="WxH", help="default: the size of the image model, or of the video")
    made.add_argument("--frames", type=int, default=24)
    made.add_argument("--stride", type=int, default=1, help="take every n-th frame")
    made.add_argument("--start", type=float, default=0.0, metavar="SECONDS")
    made.add_argument("--out", type=Path, help="the run's folder (default: runs/<video>-tune-a-video)")
    made.add_argument(
        "--embedder-weights", default="", metavar="TAG", help="of CLIP, for the metrics (a tag of open_clip or a file)"
    )
    add_change_arguments(made)
    return made


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `settings` is the configuration and `sides` the requested size, or None.

    Raises `ConfigError` for a wrong setting, size, model or file of tuned weights.
    """
    parsed = parser().parse_intermixed_args(arguments)  # the caption may come after options
    parsed.sides = _sides(parsed.size)
    if parsed.clip:
        parsed.video = find_dataset(parsed.video)
    if not Path(parsed.model).exists():
        raise ConfigError(f"model {parsed.model} does not exist; give the folder of an image model")
    changes = image_model_changes(parsed.model)
    if parsed.tuned:
        changes.append(f"model.tune_a_video.group_norm={read_facts(parsed.tuned)['norm']}")
    parsed.settings = load_training(parsed.config, [*changes, *parsed.set], RECIPE)
    return parsed


def _sides(text: str | None) -> tuple[int, int] | None:
    sides = text.split("x") if text else []
    if text and (len(sides) != 2 or not all(side.isdigit() for side in sides)):
        raise ConfigError(f"--size {text!r}; write WIDTHxHEIGHT, for example 512x512")
    return (int(sides[0]), int(sides[1])) if text else None

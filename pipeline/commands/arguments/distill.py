"""The arguments of `just distill`.

just distill summariser datasets/videos
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from captioning.distill.settings import Settings
from pipeline.storage.named import find_dataset
from schemas.command import make_parser
from schemas.errors import ConfigError

_EPILOG = """a large model captions part of the videos; a small model is trained on these captions and captions the rest

  summariser   from frame captions to the dense caption  (base: a language model; default: the packaged one)
  captioner    from stills to the dense caption at once  (base: a vision model)

what it does
  reads the dataset's captions that a model wrote (fallbacks are left out), holds out a share of the source
  videos, trains LoRA matrices on the frozen weights until the held-out loss no longer falls, merges the best
  into the weights, and writes a folder that any backend loads:
  weights, tokenizer, cutroom.json (how to prompt it) and provenance.json (pairs, sources, losses, settings)

how many pairs
  CogVideoX distilled its summariser from 50,000; a few hundred teach the form, thousands teach completeness

examples:
  just distill summariser datasets/videos
  just distill captioner datasets/videos --base models/SmolVLM2-500M-Video-Instruct

then
  just curate <bucket> --set summarise.summariser=transformers --set summarise.model.name=models/videos-summariser
"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    usual = Settings()
    argument_parser = make_parser(
        "distill", "Distil a large model's captions of a dataset into a small model.", _EPILOG
    )
    argument_parser.add_argument("student", choices=("summariser", "captioner"))
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder that a large model captioned")
    argument_parser.add_argument("--base", type=Path, metavar="FOLDER", help="model to start from")
    argument_parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: models/<dataset>-<student>")
    argument_parser.add_argument(
        "--pairs", type=int, default=50_000, metavar="N", help="maximum number (default: 50000)"
    )
    argument_parser.add_argument(
        "--stills", type=int, default=8, metavar="N", help="captioner: stills per sample (default: 8)"
    )
    for name, text in (
        ("rank", "of the LoRA matrices"),
        ("rate", "highest learning rate"),
        ("batch", "pairs per step"),
        ("epochs", "maximum number of passes over all pairs"),
        ("patience", "evaluations without improvement before it stops"),
        ("seed", "of all random choices"),
    ):
        value = getattr(usual, name)
        argument_parser.add_argument(
            f"--{name}", type=type(value), default=value, metavar="N", help=f"{text} (default: {value})"
        )
    argument_parser.add_argument("--threads", type=int, default=2, metavar="N")
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `settings` is how to fine-tune. Raises `ConfigError` for a number that cannot be."""
    parsed = parser().parse_args(arguments)
    parsed.settings = settings_of(parsed)
    return parsed


def settings_of(parsed: argparse.Namespace) -> Settings:
    """The settings as asked for. Raises `ConfigError` for a number or a lack that makes no training."""
    for name in ("pairs", "stills", "rank", "batch", "epochs", "patience", "threads"):
        if getattr(parsed, name) < 1:
            raise ConfigError(f"--{name} {getattr(parsed, name)}: must be at least 1")
    if not 0 < parsed.rate < 1:
        raise ConfigError(f"--rate {parsed.rate}: must be between 0 and 1; 0.0005 is usual for LoRA")
    if parsed.base is None and parsed.student == "captioner":
        raise ConfigError("--base is missing: a captioner needs the folder of a vision model to start from")
    names = ("rank", "rate", "batch", "epochs", "patience", "seed")
    return Settings(**{name: getattr(parsed, name) for name in names})

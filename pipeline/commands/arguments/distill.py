"""The arguments of `just distill`.

just distill summariser datasets/footage
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from captioning.distill.settings import Settings
from pipeline.storage.named import find_dataset
from schemas.command import make_parser
from schemas.errors import ConfigError

_EPILOG = """a large model captions a part of the footage; a small one learns its words and captions the rest

  summariser   from frame captions to the dense caption  (base: a language model; default: the packaged one)
  captioner    from stills to the dense caption at once  (base: a vision model)

what it does
  reads the dataset's captions that a model wrote (a fallback is no teacher's and is left out), holds out a
  share of the source videos, learns LoRA matrices beside the frozen weights until the loss on those no longer
  falls, merges the best into the weights, and writes a folder that any backend loads:
  weights, tokenizer, cutroom.json (how to ask it) and provenance.json (pairs, sources, losses, settings)

how many pairs
  CogVideoX taught its summariser with 50,000; a few hundred teach the form, thousands teach to leave nothing out

examples:
  just distill summariser datasets/footage
  just distill captioner datasets/footage --base models/SmolVLM2-500M-Video-Instruct

then
  just curate <bucket> --set summarise.summariser=transformers --set summarise.model.name=models/footage-summariser
"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    usual = Settings()
    made = make_parser("distill", "Teach a small model what a large one said of a dataset's clips.", _EPILOG)
    made.add_argument("student", choices=("summariser", "captioner"))
    made.add_argument("dataset", type=find_dataset, help="dataset folder that a large model captioned")
    made.add_argument("--base", type=Path, metavar="FOLDER", help="model to start from")
    made.add_argument("--out", type=Path, metavar="FOLDER", help="default: models/<dataset>-<student>")
    made.add_argument("--pairs", type=int, default=50_000, metavar="N", help="at most so many (default: 50000)")
    made.add_argument("--stills", type=int, default=8, metavar="N", help="captioner: stills per sample (default: 8)")
    for name, what in (
        ("rank", "of the LoRA matrices"),
        ("rate", "highest learning rate"),
        ("batch", "pairs per step"),
        ("epochs", "times that all pairs are seen at the most"),
        ("patience", "checks without gain before it stops"),
        ("seed", "of everything that is drawn"),
    ):
        value = getattr(usual, name)
        made.add_argument(f"--{name}", type=type(value), default=value, metavar="N", help=f"{what} (default: {value})")
    made.add_argument("--threads", type=int, default=2, metavar="N")
    return made


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
        raise ConfigError(f"--rate {parsed.rate}: must lie between 0 and 1; 0.0005 is usual for LoRA")
    if parsed.base is None and parsed.student == "captioner":
        raise ConfigError("--base is missing: a captioner needs the folder of a vision model to start from")
    names = ("rank", "rate", "batch", "epochs", "patience", "seed")
    return Settings(**{name: getattr(parsed, name) for name in names})

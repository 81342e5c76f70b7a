"""`just distill summariser|captioner <dataset>`: a small model learns what a large one said of your clips.

just distill summariser datasets/footage
just distill captioner datasets/footage --base models/SmolVLM2-500M-Video-Instruct
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from captioning.backends.packaged import DEFAULT_CACHE, unpacked
from captioning.distill.captioner import distill_captioner
from captioning.distill.folder import PROVENANCE, Provenance, check_free
from captioning.distill.lora import Losses, Settings, total_steps
from captioning.distill.summariser import distill_summariser
from pipeline.dataset.folder import Dataset
from pipeline.engine.progress import Progress
from pipeline.readers.history import History
from pipeline.readers.teacher import picture_pairs, read_lesson, summary_pairs
from pipeline.storage.named import find_dataset
from schemas.command import make_parser, run_command
from schemas.errors import ConfigError

HELP = """a large model captions a part of the footage; a small one learns its words and captions the rest

  summariser   from frame captions to the dense caption  (base: a language model; default: the packaged one)
  captioner    from stills to the dense caption at once  (base: a vision model)

what it does
  reads the dataset's captions that a model wrote (a fallback is no teacher's and is left out), holds out a
  share of the source videos, learns LoRA matrices beside the frozen weights until the loss on those no longer
  falls, merges the best into the weights, and writes a folder that any backend loads:
  weights, tokenizer, cutroom.json (how to ask it) and provenance.json (pairs, sources, losses, settings)

how many pairs
  CogVideoX taught its summariser with 50,000; a few hundred teach the form, thousands teach to leave nothing out

then
  just curate <bucket> --set summarise.summariser=transformers --set summarise.model.name=models/footage-summariser
"""


def main() -> None:
    """Entry point."""
    usual = Settings()
    parser = make_parser("distill", "Teach a small model what a large one said of a dataset's clips.", HELP)
    parser.add_argument("student", choices=("summariser", "captioner"))
    parser.add_argument("dataset", type=find_dataset, help="dataset folder that a large model captioned")
    parser.add_argument("--base", type=Path, metavar="FOLDER", help="model to start from")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: models/<dataset>-<student>")
    parser.add_argument("--pairs", type=int, default=50_000, metavar="N", help="at most so many (default: 50000)")
    parser.add_argument("--stills", type=int, default=8, metavar="N", help="captioner: stills per sample (default: 8)")
    for name, what in (
        ("rank", "of the LoRA matrices"),
        ("rate", "highest learning rate"),
        ("batch", "pairs per step"),
        ("epochs", "times that all pairs are seen at the most"),
        ("patience", "checks without gain before it stops"),
        ("seed", "of everything that is drawn"),
    ):
        value = getattr(usual, name)
        parser.add_argument(
            f"--{name}", type=type(value), default=value, metavar="N", help=f"{what} (default: {value})"
        )
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    distill(parser.parse_args())


def distill(parsed: argparse.Namespace) -> None:
    """Read the dataset, teach, write the folder, print what became of it."""
    import torch

    settings = settings_of(parsed)
    torch.set_num_threads(parsed.threads)
    out = parsed.out or Path("models") / f"{Path(parsed.dataset.rstrip('/')).name}-{parsed.student}"
    check_free(out)
    if parsed.base is None and parsed.student == "captioner":
        raise ConfigError("--base is missing: a captioner needs the folder of a vision model to start from")
    progress = Progress()
    history = History(Dataset(parsed.dataset))
    lesson = read_lesson(history, parsed.pairs)
    run: Callable[[Path, Provenance, Callable[[int, float | None, float | None], None]], Losses]
    if parsed.student == "summariser":
        texts = summary_pairs(history, lesson)
        count = len(texts)
        run = lambda base, made, notify: distill_summariser(texts, base, out, settings, made, notify)  # noqa: E731
    else:
        shown = picture_pairs(history, lesson, parsed.stills)
        count = len(shown)
        run = lambda base, made, notify: distill_captioner(shown, base, out, settings, made, notify)  # noqa: E731
    progress.note(f"  {count} pairs of {', '.join(lesson.teachers)}")
    for reason, left in lesson.left_out.items():
        progress.note(f"  left out {left}: {reason}")
    made = Provenance(
        dataset=Path(parsed.dataset.rstrip("/")).name, teachers=lesson.teachers, left_out=dict(lesson.left_out)
    )
    with progress.bar("learn", total_steps(count, settings)) as bar:

        def notify(steps: int, loss: float | None, held_out: float | None) -> None:
            bar(steps, 0)
            if held_out is not None:
                progress.note(f"  loss on held-out sources {held_out:.4f}")

        losses = run(parsed.base or unpacked(DEFAULT_CACHE), made, notify)
    first, best = losses.held_out[0][1], min(loss for _, loss in losses.held_out)
    print(f"held-out loss {first:.4f} -> {best:.4f} at step {losses.best_step} of {len(losses.learned)}")
    print(f"wrote {out} (what it learned from: {out / PROVENANCE})")


def settings_of(parsed: argparse.Namespace) -> Settings:
    """The settings as asked for. Raises `ConfigError` for a number that makes no training."""
    for name in ("pairs", "stills", "rank", "batch", "epochs", "patience", "threads"):
        if getattr(parsed, name) < 1:
            raise ConfigError(f"--{name} {getattr(parsed, name)}: must be at least 1")
    if not 0 < parsed.rate < 1:
        raise ConfigError(f"--rate {parsed.rate}: must lie between 0 and 1; 0.0005 is usual for LoRA")
    names = ("rank", "rate", "batch", "epochs", "patience", "seed")
    return Settings(**{name: getattr(parsed, name) for name in names})


if __name__ == "__main__":
    run_command(main)

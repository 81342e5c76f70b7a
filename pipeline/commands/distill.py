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
from captioning.distill.lora import Losses, total_steps
from captioning.distill.summariser import distill_summariser
from pipeline.commands.arguments.distill import parse, settings_of
from pipeline.dataset.folder import Dataset
from pipeline.engine.progress import Progress
from pipeline.readers.history import History
from pipeline.readers.teacher import image_pairs, read_lesson, summary_pairs
from schemas.command import run_command


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Teach, as asked for."""
    distill(parsed)


def distill(parsed: argparse.Namespace) -> None:
    """Read the dataset, teach, write the folder, print what became of it."""
    import torch

    settings = settings_of(parsed)
    torch.set_num_threads(parsed.threads)
    out = parsed.out or Path("models") / f"{Path(parsed.dataset.rstrip('/')).name}-{parsed.student}"
    check_free(out)
    progress = Progress()
    history = History(Dataset(parsed.dataset))
    lesson = read_lesson(history, parsed.pairs)
    run: Callable[[Path, Provenance, Callable[[int, float | None, float | None], None]], Losses]
    if parsed.student == "summariser":
        texts = summary_pairs(history, lesson)
        count = len(texts)
        run = lambda base, made, notify: distill_summariser(texts, base, out, settings, made, notify)  # noqa: E731
    else:
        shown = image_pairs(history, lesson, parsed.stills)
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


if __name__ == "__main__":
    run_command(main)

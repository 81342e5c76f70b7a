"""`just distill summariser|captioner <dataset>`: distil a large model's captions of your clips into a small model.

just distill summariser datasets/videos
just distill captioner datasets/videos --base models/SmolVLM2-500M-Video-Instruct
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
from pipeline.readers.teacher import image_pairs, read_teacher_captions, summary_pairs
from schemas.command import run_command


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Teach, as asked for."""
    distill(parsed)


def distill(parsed: argparse.Namespace) -> None:
    """Read the dataset, train, write the folder, print the result."""
    import torch

    settings = settings_of(parsed)
    torch.set_num_threads(parsed.threads)
    out = parsed.out or Path("models") / f"{Path(parsed.dataset.rstrip('/')).name}-{parsed.student}"
    check_free(out)
    progress = Progress()
    history = History(Dataset(parsed.dataset))
    teacher = read_teacher_captions(history, parsed.pairs)
    run: Callable[[Path, Provenance, Callable[[int, float | None, float | None], None]], Losses]
    if parsed.student == "summariser":
        texts = summary_pairs(history, teacher)
        count = len(texts)
        run = lambda base, provenance, notify: distill_summariser(texts, base, out, settings, provenance, notify)  # noqa: E731
    else:
        pairs = image_pairs(history, teacher, parsed.stills)
        count = len(pairs)
        run = lambda base, provenance, notify: distill_captioner(pairs, base, out, settings, provenance, notify)  # noqa: E731
    progress.note(f"  {count} pairs of {', '.join(teacher.teachers)}")
    for reason, left in teacher.left_out.items():
        progress.note(f"  left out {left}: {reason}")
    provenance = Provenance(
        dataset=Path(parsed.dataset.rstrip("/")).name, teachers=teacher.teachers, left_out=dict(teacher.left_out)
    )
    with progress.bar("learn", total_steps(count, settings)) as bar:

        def notify(steps: int, loss: float | None, held_out: float | None) -> None:
            bar(steps, 0)
            if held_out is not None:
                progress.note(f"  loss on held-out sources {held_out:.4f}")

        losses = run(parsed.base or unpacked(DEFAULT_CACHE), provenance, notify)
    first, best = losses.held_out[0][1], min(loss for _, loss in losses.held_out)
    print(f"held-out loss {first:.4f} -> {best:.4f} at step {losses.best_step} of {len(losses.learned)}")
    print(f"wrote {out} (training data and settings: {out / PROVENANCE})")


if __name__ == "__main__":
    run_command(main)

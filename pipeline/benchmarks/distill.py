"""What a small model gains by distillation of summaries: SmolLM2-135M before and after, on held-out vocabulary.

    just bench distill                                # makes the pairs, trains (some minutes), measures
    just bench distill --student models/taught        # measures this model; trains it first if it does not exist
    just bench distill --record                       # keeps the table in docs/benchmarks.md

The models' own output is measured, before the guard that replaces invented words by joined frame captions. The teacher
is a rule (`captioning.distill.synthetic_training`), so this shows that the method works, not how good captions get. The
test clips (`synthetic_pairs`) share no subject, action, place, background, light or camera move with the training
clips. Their own summaries, by a terser rule, are listed for comparison.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from captioning.backends.packaged import DEFAULT_CACHE, open_packaged, unpacked
from captioning.backends.transformers import TransformersChat
from captioning.chat import ChatModel, ChatRequest
from captioning.distill.folder import PROVENANCE, Provenance
from captioning.distill.lora import total_steps
from captioning.distill.measure import NAMES, cut_words, interval, score_summary
from captioning.distill.pairs import Pair
from captioning.distill.prompt import TrainedPrompt
from captioning.distill.settings import Settings
from captioning.distill.summariser import distill_summariser
from captioning.distill.synthetic_pairs import MOST, synthetic_pairs
from captioning.distill.synthetic_training import synthetic_training_pairs
from captioning.distill.synthetic_words import HELD_OUT
from captioning.joining import join
from captioning.prompts import SUMMARY_EXAMPLES
from pipeline.benchmarks.record import markdown_table, record
from pipeline.engine.progress import Progress
from schemas.command import make_parser
from schemas.model_config import ModelConfig
from schemas.terminal import print_table

SETTINGS = Settings(rate=1e-3, batch=4, epochs=1, checks_per_epoch=3, most_held_out=24)
BATCH, MAX_TOKENS = 48, 96
HEADINGS = ("summary by", *(f"{name} (95 %)" for name in NAMES))


def teach(out: Path, count: int, threads: int, progress: Progress) -> None:
    """Distill a student from `count` made pairs into `out`."""
    import torch

    torch.set_num_threads(threads)
    provenance = Provenance(
        dataset=f"{count} made pairs, seed 0", teachers=["rule: captioning.distill.synthetic_training"]
    )
    with progress.bar("teach", total_steps(count, SETTINGS)) as bar:

        def notify(steps: int, loss: float | None, held_out: float | None) -> None:
            bar(steps, 0)
            if held_out is not None:
                progress.note(f"  loss on held-out clips {held_out:.3f}")

        distill_summariser(
            synthetic_training_pairs(count, 0), unpacked(DEFAULT_CACHE), out, SETTINGS, provenance, notify
        )


def write(chat: ChatModel, prompt: TrainedPrompt, pairs: Sequence[Pair]) -> list[str]:
    """The model's own output, before any guard. A text as long as its input notes is cut: it has fallen into a loop."""
    requests = [
        ChatRequest(
            id=pair.sample_id,
            messages=prompt.messages(pair.captions),
            max_tokens=min(MAX_TOKENS, 8 + 3 * len(join(pair.captions).split()) // 2),
        )
        for pair in pairs
    ]

    async def collect() -> dict[str, str]:
        return {reply.id: reply.text async for reply in chat.chat(requests)}

    written = asyncio.run(collect())
    return [written[pair.sample_id] for pair in pairs]


def summaries(student: Path, pairs: Sequence[Pair], threads: int, progress: Progress) -> dict[str, list[str]]:
    """The summaries of every clip by each of the compared models."""
    results: dict[str, list[str]] = {}
    examples = TrainedPrompt(examples=SUMMARY_EXAMPLES)
    askers: Mapping[str, tuple[Callable[[], TransformersChat], TrainedPrompt]] = {
        "base, worked examples": (lambda: open_packaged(threads, BATCH), examples),
        "base, zero-shot": (lambda: open_packaged(threads, BATCH), TrainedPrompt()),
        "distilled": (lambda: TransformersChat(ModelConfig(name=str(student), batch=BATCH), threads), TrainedPrompt()),
    }
    for name, (open_model, prompt) in askers.items():
        with progress.waiting(name):
            results[name] = write(open_model(), prompt, pairs)
        progress.note(f"  {name}: {results[name][0]}")
    for name in list(askers)[:2]:
        texts = zip(pairs, results[name], strict=True)
        results[f"{name}, cut to {MOST:.0%}"] = [cut_words(pair.captions, text, MOST) for pair, text in texts]
    results["no model: captions joined"] = [join(pair.captions) for pair in pairs]
    results["a terse rule"] = [pair.summary for pair in pairs]
    return results


def rows_of(results: Mapping[str, Sequence[str]], pairs: Sequence[Pair]) -> list[list[str]]:
    """A row per summariser: means with their intervals."""
    sources = [pair.source for pair in pairs]
    rows = []
    for name, texts in results.items():
        marks = [score_summary(pair.captions, text) for pair, text in zip(pairs, texts, strict=True)]
        numbers = interval(marks, sources)
        rows.append([name, *(f"{mean:.2f} ({low:.2f}-{high:.2f})" for mean, low, high in numbers.values())])
    return rows


def main() -> None:
    """Entry point."""
    parser = make_parser("bench distill", __doc__ or "")
    parser.add_argument(
        "--student", type=Path, metavar="FOLDER", help="a distilled model; trained here if it does not exist"
    )
    parser.add_argument("--pairs", type=int, default=600, metavar="N", help="made pairs to train on (default: 600)")
    parser.add_argument("--held-out", type=int, default=36, metavar="N", help="clips to test on (default: 36)")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print this many summaries with their notes")
    parser.add_argument("--record", action="store_true", help="keep the table in docs/benchmarks.md")
    parsed = parser.parse_args()
    progress = Progress()
    with tempfile.TemporaryDirectory() as scratch:
        student: Path = parsed.student or Path(scratch) / "student"
        if not student.exists():
            teach(student, parsed.pairs, parsed.threads, progress)
        pairs = synthetic_pairs(parsed.held_out, HELD_OUT, seed=1)
        results = summaries(student, pairs, parsed.threads, progress)
        taught = json.loads((student / PROVENANCE).read_text())
    rows = rows_of(results, pairs)
    print_table("Held-out clips", HEADINGS, rows)
    for index in range(min(parsed.show, len(pairs))):
        print("", join(pairs[index].captions), f"-> {results['distilled'][index]}", sep="\n")
    if parsed.record:
        steps, losses = len(taught["losses"]["learned"]), taught["losses"]["held_out"]
        about = (
            f"Taught with {taught['pairs']['learned']} pairs in {steps} steps of {taught['settings']['batch']} (LoRA"
            f" rank {taught['settings']['rank']}); loss on held-out clips of the taught words {losses[0][1]:.2f}"
            f" before, {min(loss for _, loss in losses):.2f} after. Judged by {len(pairs)} clips of"
            f" {len({pair.source for pair in pairs})} sources in other words. Teacher: a rule."
        )
        example = [f"`{name}`: {texts[0]}" for name, texts in results.items() if "cut" not in name]
        example_text = "\n\n".join(["One clip: " + " / ".join(pairs[0].captions), *example])
        settings = {"pairs": parsed.pairs, "held-out": parsed.held_out, "threads": parsed.threads}
        command = " ".join(
            ["just bench distill", *(f"--{name} {value}" for name, value in settings.items()), "--record"]
        )
        record("distill", "Distillation", [about, markdown_table(HEADINGS, rows), example_text], command)

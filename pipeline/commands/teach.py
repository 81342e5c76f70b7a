"""`just teach <labels.csv> <name>`: fit a small head on the vectors of labelled items, evaluate it, store it.

The head reads the stored embeddings, so `score` fills a column of its name for every clip in seconds. A preset's name
(`--presets`) puts that class's definition into the head's provenance.

    just teach --presets
    just teach labels.csv lecture --files ~/videos
    just teach labels.csv mood --dataset datasets/videos
"""

import argparse
import sys
import time
from pathlib import Path

from pipeline.commands.arguments.teach import parse
from pipeline.dataset.folder import Dataset
from pipeline.engine.progress import Progress
from pipeline.readers.history import History
from pipeline.readers.teaching.examples import LabelledVectors, gather
from pipeline.readers.teaching.fitting import FOLDS, learn
from pipeline.readers.teaching.labels import read_labels
from pipeline.readers.teaching.presets import PRESETS, rule_of
from pipeline.readers.teaching.quality import Estimate, judge
from pipeline.stages.score.check import check_head_name
from pipeline.stages.score.scorers.registry import EMBEDDERS
from pipeline.stages.weights import revision
from schemas.command import run_command
from schemas.config import ScoreConfig
from schemas.errors import ConfigError, InputError
from schemas.nearest import did_you_mean
from schemas.terminal import print_table


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Print the presets, or teach."""
    if parsed.presets:
        print_presets()
    else:
        teach(parsed)


def print_presets() -> None:
    """Print the six classes, each with its definition, question and rule."""
    for name, preset in PRESETS.items():
        print(f"{name}  ({preset.title})\n  {preset.definition}\n  ask:  {preset.question}\n  rule: {rule_of(name)}\n")


def teach(parsed: argparse.Namespace) -> None:
    """Read the labels, gather vectors, cross-validate, fit on everything, store, print."""
    check_head_name(parsed.name)
    if parsed.embedder and parsed.embedder not in EMBEDDERS:
        raise ConfigError(f"--embedder {parsed.embedder!r} is not known; {did_you_mean(parsed.embedder, EMBEDDERS)}")
    out = parsed.out or Path("heads") / f"{parsed.name}.safetensors"
    if out.name != f"{parsed.name}.safetensors":
        raise InputError(f"--out {out}: a head's name is that of its file, so call it {parsed.name}.safetensors")
    labels = read_labels(parsed.labels)
    history = History(Dataset(parsed.dataset)) if parsed.dataset else None
    if history and (parsed.embedder or parsed.embedder_weights):
        raise InputError("--embedder applies to files only; with --dataset the dataset's embedder is used")
    overrides = {"embedder": parsed.embedder or ScoreConfig().embedder, "embedder_weights": parsed.embedder_weights}
    config = history.config.score if history else ScoreConfig.model_validate(overrides)
    with Progress().waiting(f"looking at what {parsed.labels} labels"):
        material = gather(labels, parsed.files or parsed.labels.parent, history, config, parsed.threads)
    for name, reason in material.left_out.items():
        print(f"{name} is left out, as the pipeline would: {reason}", file=sys.stderr)
    examples = material.examples
    fitted = learn(examples)
    predicted = fitted.predicted
    quality = judge(examples.kind, predicted, examples.values, examples.sources)
    facts = _facts(parsed, material, fitted.penalty)
    fitted.head.save(out, {**facts, **{f"held_out_{name}": str(value) for name, value in quality.items()}})
    _report(parsed, material, quality)
    order = sorted(range(len(predicted)), key=lambda index: -abs(predicted[index] - examples.values[index]))
    rows = [
        (label.row, label.text, f"{label.value:g}", f"{predicted[index]:.3f}", label.note)
        for index, label in ((index, material.labels[index]) for index in order[: parsed.worst])
    ]
    print_table("Furthest from their labels (check these)", ("row", "what", "label", "held out", "note"), rows)
    print(f"stored {out}; use it with score.heads: [{out}]", end="")
    print(f" and a rule such as {rule_of(parsed.name)!r}" if examples.kind == "class" else "")


def _facts(parsed: argparse.Namespace, material: LabelledVectors, penalty: float) -> dict[str, str]:
    values, preset = material.examples.values, PRESETS.get(parsed.name)
    facts = {
        "name": parsed.name,
        "definition": preset.definition if preset else "",
        "preset": f"{preset.title}, a negative class of CogVideoX (2408.06072)" if preset else "",
        "embedder": material.model,
        "embedder_name": material.embedder,
        "features": "the embedder's vectors, scaled to length 1",
        "labels": revision(parsed.labels),
        "origin": parsed.origin,
        **_counts(material),
        "label_range": f"{values.min():g} to {values.max():g}, mean {values.mean():.3g}",
        "penalty": f"{penalty:g}",
        "validation": f"up to {FOLDS} folds grouped by source, penalty chosen inside each",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    return {name: fact for name, fact in facts.items() if fact}


def _counts(material: LabelledVectors) -> dict[str, str]:
    examples = material.examples
    counts = {"rows": len(examples.values), "stills": len(examples.vectors), "sources": len(set(examples.sources))}
    if examples.kind == "class":
        for name, value in (("positives", 1), ("negatives", 0)):
            inside = examples.values == value
            counts |= {name: int(inside.sum()), f"{name}_sources": len(set(examples.sources[inside]))}
    return {name: str(count) for name, count in counts.items()} | {"left_out_files": str(len(material.left_out))}


def _report(parsed: argparse.Namespace, material: LabelledVectors, quality: dict[str, Estimate]) -> None:
    counts = _counts(material)
    print(f"{parsed.name}: a {material.examples.kind}, on vectors of {material.model}")
    print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) + "\n")
    print_table(
        "On held-out sources",
        ("measure", "value", "95 % from", "to"),
        [
            (name.replace("_", " "), f"{estimate.value:.3f}", f"{estimate.low:.3f}", f"{estimate.high:.3f}")
            for name, estimate in quality.items()
        ],
    )


if __name__ == "__main__":
    run_command(main)

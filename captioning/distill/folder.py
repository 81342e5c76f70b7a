"""Writes the folder of a distilled model: merged weights, tokenizer, prompt, and provenance.

The folder appears by one rename, whole or not at all.

    save_student(Path("models/part-summariser"), student, tokenizer, record, prompt.save)
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from captioning.checkpoints import model_identity
from captioning.distill.lora import Losses
from captioning.distill.settings import Settings
from schemas.errors import DatasetError, InputError

PROVENANCE = "provenance.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the pairs come from: the dataset, the teacher models, and how many rows were left out, by reason."""

    dataset: str
    teachers: Sequence[str]
    left_out: dict[str, int] = field(default_factory=dict)

    def with_training(
        self, settings: Settings, losses: Losses, learned: Sequence[Any], held_out: Sequence[Any], **others: object
    ) -> dict[str, Any]:
        """The record of a training as JSON values. `others` must contain `base`, the base model's folder."""
        base = others.pop("base")
        assert isinstance(base, Path)
        return {
            **asdict(self),
            "base": model_identity(str(base)),
            "method": "LoRA on the linear layers, merged",
            "settings": asdict(settings),
            "pairs": {"learned": len(learned), "held_out": len(held_out)},
            "sources": {
                "learned": sorted({pair.source for pair in learned}),
                "held_out": sorted({pair.source for pair in held_out}),
            },
            "losses": asdict(losses),
            **others,
        }


def check_free(out: Path) -> None:
    """Raise `InputError` if `out` exists: a model is never overwritten."""
    if out.exists():
        raise InputError(f"--out {out} is there already; give the new model another name")


def save_student(
    out: Path, model: Any, processor: Any, provenance: dict[str, Any], save_prompt: Callable[[Path], None]
) -> None:
    """Write the folder. `processor` may be a tokenizer. Raises `DatasetError` if the folder cannot be written."""
    check_free(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            model.save_pretrained(scratch)
            processor.save_pretrained(scratch)
            save_prompt(scratch)
            (scratch / PROVENANCE).write_text(json.dumps(provenance, indent=2) + "\n")
            scratch.chmod(0o755)
            os.rename(scratch, out)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise DatasetError(f"cannot write the model to {out}: {error}; is there space?") from error

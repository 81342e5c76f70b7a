"""The folder of a distilled model: merged weights, tokenizer, how to ask it, and where its words come from.

It appears whole, by one rename, or not at all.

    python -m pytest tests/captioning/distill
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
    """Where the pairs come from: the dataset, who taught, and how many rows were left out for which reason."""

    dataset: str
    teachers: Sequence[str]
    left_out: dict[str, int] = field(default_factory=dict)

    def with_training(
        self, settings: Settings, losses: Losses, learned: Sequence[Any], held_out: Sequence[Any], **others: object
    ) -> dict[str, Any]:
        """All that is known of a training, as JSON takes it. `base` among the others is the base model's folder."""
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
    """Raises `InputError` if there is something at `out` already: a model is never written over."""
    if out.exists():
        raise InputError(f"--out {out} is there already; give the new model a name of its own")


def save_student(
    out: Path, model: Any, words: Any, provenance: dict[str, Any], save_prompt: Callable[[Path], None]
) -> None:
    """Write the folder. `words` is the tokenizer or processor. Raises `DatasetError` if it cannot be written."""
    check_free(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            model.save_pretrained(scratch)
            words.save_pretrained(scratch)
            save_prompt(scratch)
            (scratch / PROVENANCE).write_text(json.dumps(provenance, indent=2) + "\n")
            scratch.chmod(0o755)
            os.rename(scratch, out)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise DatasetError(f"cannot write the model to {out}: {error}; is there space?") from error

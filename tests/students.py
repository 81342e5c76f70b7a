"""Students of one gentle lesson: folders as `just distill` writes them, whose models speak as their bases did.

summariser, captioner = distilled_summariser(folder / "a"), distilled_captioner(base, folder / "b")
"""

import io
from pathlib import Path

from PIL import Image

from captioning.backends.packaged import DEFAULT_CACHE, unpacked
from captioning.chat import ImageBytes
from captioning.distill.captioner import distill_captioner
from captioning.distill.folder import Provenance
from captioning.distill.pairs import ImagePair
from captioning.distill.settings import Settings
from captioning.distill.summariser import distill_summariser
from captioning.distill.synthetic_pairs import synthetic_pairs
from captioning.distill.synthetic_words import TRAINING

_GENTLE = Settings(rank=2, rate=1e-6, batch=2, epochs=1, checks_per_epoch=1, held_out_share=0.5)
_MADE = Provenance(dataset="made", teachers=["a rule"])


def distilled_summariser(out: Path) -> Path:
    """A student of the packaged language model."""
    distill_summariser(
        synthetic_pairs(4, TRAINING, 0), unpacked(DEFAULT_CACHE), out, _GENTLE, _MADE, lambda *notice: None
    )
    return out


def distilled_captioner(base: Path, out: Path) -> Path:
    """A student of the vision model in `base`."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "JPEG")
    pairs = [
        ImagePair(sample_id=name, source=name, caption="A red wall.", images=(ImageBytes(name, file.getvalue()),))
        for name in ("a", "b", "c", "d")
    ]
    distill_captioner(pairs, base, out, _GENTLE, _MADE, lambda *notice: None)
    return out

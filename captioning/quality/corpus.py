"""The captions of a dataset as the checks read them, and what the checks share.

python -m pytest tests/captioning/quality
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from captioning.quality.clip import Clip
from captioning.quality.evidence import TextVectors, unsupported
from captioning.quality.records import CaptionRecord


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """All clips of a dataset and what the checks need besides: `seed` of samples, models or None.

    `embed` gives vectors of sentences and words (better than words alone); `image_text` gives vectors of texts in the
    space of `FrameCaption.vector` (the text tower of CLIP).
    """

    clips: tuple[Clip, ...]
    token_budget: int = 226
    seed: int = 0
    embed: TextVectors | None = None
    image_text: TextVectors | None = None

    @classmethod
    def of(
        cls,
        records: Sequence[CaptionRecord],
        *,
        token_budget: int = 226,
        seed: int = 0,
        embed: TextVectors | None = None,
        image_text: TextVectors | None = None,
    ) -> "Corpus":
        """Prepare records; `embed` is asked once per text, however many checks ask."""
        return cls(
            clips=tuple(Clip(record) for record in records),
            token_budget=token_budget,
            seed=seed,
            embed=remembered(embed) if embed else None,
            image_text=image_text,
        )

    @cached_property
    def captioned(self) -> tuple[Clip, ...]:
        """The clips that have a caption."""
        return tuple(clip for clip in self.clips if clip.text)

    @cached_property
    def unsupported(self) -> Mapping[str, Mapping[str, str]]:
        """By clip id: the content words of its caption that nothing known of the clip holds, folded -> as it stands."""
        return unsupported(self.with_evidence, self.meaning)

    @cached_property
    def meaning(self) -> TextVectors | None:
        """`embed` for single words, with all of the corpus's words embedded at once; None if there is no embedder."""
        if self.embed:
            self.embed(
                sorted(
                    {word for clip in self.with_evidence for word in (*clip.content.values(), *clip.evidence.values())}
                )
            )
        return self.embed

    @cached_property
    def with_evidence(self) -> tuple[Clip, ...]:
        """The clips that have a caption and frame captions with content to hold it against."""
        return tuple(clip for clip in self.captioned if any(clip.frame_contents))


def remembered(embed: TextVectors) -> TextVectors:
    """The same, but every text is embedded once."""
    known: dict[str, NDArray[np.float32]] = {}

    def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
        fresh = list(dict.fromkeys(text for text in texts if text not in known))
        if fresh:
            known.update(zip(fresh, embed(fresh), strict=True))
        return np.array([known[text] for text in texts], np.float32)

    return vectors

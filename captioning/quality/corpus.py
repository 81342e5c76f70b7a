"""All captions of a dataset as the checks read them, with the models and intermediate results that checks share.

corpus = Corpus.of(records, token_budget=226, embed=SentenceModel())
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
    """All clips of a dataset, and what the checks need besides: the seed of random samples, and models (or None).

    `embed` embeds sentences and words; `image_text` embeds texts into the space of `FrameCaption.vector` (the text
    tower of CLIP). Both return [texts, D], float32, rows of length 1.
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
        """A corpus of records; `embed` is called once per text, however many checks need it."""
        return cls(
            clips=tuple(Clip(record) for record in records),
            token_budget=token_budget,
            seed=seed,
            embed=memoised(embed) if embed else None,
            image_text=image_text,
        )

    @cached_property
    def captioned(self) -> tuple[Clip, ...]:
        """The clips that have a caption."""
        return tuple(clip for clip in self.clips if clip.text)

    @cached_property
    def unsupported(self) -> Mapping[str, Mapping[str, str]]:
        """By sample id: the content words of its caption that nothing known of the sample supports, stem -> word."""
        return unsupported(self.with_evidence, self.meaning)

    @cached_property
    def meaning(self) -> TextVectors | None:
        """`embed`, with all words of the corpus already embedded in one call; None if there is no embedder."""
        if self.embed:
            self.embed(
                sorted(
                    {word for clip in self.with_evidence for word in (*clip.content.values(), *clip.evidence.values())}
                )
            )
        return self.embed

    @cached_property
    def with_evidence(self) -> tuple[Clip, ...]:
        """The clips that have a caption, and frame captions with content words to compare it with."""
        return tuple(clip for clip in self.captioned if any(clip.frame_contents))


def memoised(embed: TextVectors) -> TextVectors:
    """`embed` with a cache, so that every text is embedded once."""
    known: dict[str, NDArray[np.float32]] = {}

    def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
        unknown = list(dict.fromkeys(text for text in texts if text not in known))
        if unknown:
            known.update(zip(unknown, embed(unknown), strict=True))
        return np.array([known[text] for text in texts], np.float32)

    return vectors

"""Finds the words of a caption that nothing supports: neither the frame captions nor the overview.

A word is supported by the same word in another form, or, with a sentence embedder, by a word that means nearly the
same: a summariser that writes "kettle" for "teapot" invents nothing.

    missing(clip.content, clip.evidence, embed)      # stem -> word
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from captioning.quality.clip import Clip
from captioning.words import fold, word_set

TextVectors = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to vectors [texts, D], float32, rows of length 1."""

# Cosine of two words' vectors (all-MiniLM-L6-v2) from which they count as synonyms: "boat" and "vessel" have 0.73,
# "boat" and "bridge" 0.45.
RELATED = 0.5
# Words that structure a description or refer back (`the figure`). Camera words have a check of their own, against the
# measured camera.
_NARRATION = frozenset(
    map(
        fold,
        word_set(
            "overall throughout entire whole same moment time scene setting background foreground atmosphere shot view "
            "video clip footage sequence action around nearby together side front surrounding place way "
            "figure subject individual other one corner "
            "camera pan tilt zoom hold held steady static handheld hand still move slow slowly fast "
            "quickly left right up "
            "down forward backward closer away gentle gradually frame angle lens follow track pull push little"
        ),
    )
)


def unsupported(clips: Iterable[Clip], embed: TextVectors | None) -> dict[str, dict[str, str]]:
    """By sample id: the content words of its caption that nothing supports, stem -> word."""
    return {clip.key: missing(clip.content, clip.evidence, embed) for clip in clips}


def missing(claims: Mapping[str, str], evidence: Mapping[str, str], embed: TextVectors | None) -> dict[str, str]:
    """The words of `claims` (stem -> word) that `evidence` has in no form and in no near meaning.

    `embed` None: only equal stems count as support.
    """
    left = {key: word for key, word in claims.items() if key not in evidence and key not in _NARRATION}
    if not left or not evidence or embed is None:
        return left
    nearest = (embed(list(left.values())) @ embed(list(evidence.values())).T).max(axis=1)
    return {key: word for (key, word), near in zip(left.items(), nearest, strict=True) if near < RELATED}

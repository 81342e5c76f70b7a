"""Captions that begin alike: listed stock phrases of vision models, and unlisted openings that repeat.

An unlisted opening is boilerplate if it begins many captions and says nothing of their clips: its words are not in the
clips' own frame captions, or it begins more captions than any subject of a mixed dataset could. "A young woman" on a
tenth of the captions is neither: it is what the clips show.

    openings = repeated_openings(corpus.captioned)      # words -> number of captions
"""

import re
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence

from captioning.quality.check import Check, CheckResult, fault
from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus
from captioning.words import STOP_WORDS, content_words

_MEDIUM = (
    r"(?:video|clip|image|picture|photo|photograph|scene|footage|frame|shot|caption|description|sequence|film|still)s?"
)
_TELLS = (
    r"(?:shows?|depicts?|displays?|features?|captures?|presents?|portrays?|illustrates?|begins?|opens?|starts?|describes?|provided|is|of|"
    r"showing|depicting|displaying|featuring|capturing)"
)
_KNOWN = re.compile(
    rf"^\W*(?:(?:in|throughout) (?:this|the) (?:\w+ )?{_MEDIUM}\b|(?:this|the|these|here)(?: (?:is|"
    rf"are))?(?: an?| the)? ?"
    rf"(?:\w+ )?{_MEDIUM} {_TELLS}\b|(?:sure|certainly|absolutely|of course|okay|ok)\b[,!.:]|here(?:'s|’s| is| are)\b|"
    rf"(?:summary|caption|description|answer|output)\s*:|(?:as|based on|according to) .{{0,40}}?\b{_MEDIUM}\b|"
    r"we (?:can )?see\b|you (?:can )?see\b|it (?:shows|depicts|features)\b)",
    re.IGNORECASE,
)
SHORTEST, LONGEST = 3, 10
# An unlisted opening begins at least this many captions, this share of them, and this many times the median count of
# the repeated openings of its length, which is what the rest of the dataset would give, ...
LEAST, LEAST_SHARE, ABOVE_THE_REST = 5, 0.005, 3
# (where nearly all captions begin alike there is no rest to compare with; the median is capped at this)
MODEST = 3
# ... and the frame captions of at most this share of its clips support all that it claims,
GROUNDED = 0.5
# ... or it has this many words and begins this share of the captions (of at least so many): no subject of a mixed
# dataset is that frequent.
LONG, MANY, FEWEST = 4, 0.2, 20


def _check(corpus: Corpus) -> Mapping[str, CheckResult]:
    repeated = repeated_openings(corpus.captioned)
    return {clip.key: fault(_known(clip) or _repeated(clip, repeated)) for clip in corpus.captioned}


def _known(clip: Clip) -> str:
    match = _KNOWN.match(clip.text)
    return f"opens with a stock phrase: {match.group().strip()!r}" if match else ""


def _repeated(clip: Clip, repeated: Mapping[tuple[str, ...], int]) -> str:
    for length in range(LONGEST, SHORTEST - 1, -1):
        opening = tuple(clip.words[:length])
        if len(opening) == length and opening in repeated:
            return f"opens like {repeated[opening]} captions: {' '.join(opening)!r}"
    return ""


def repeated_openings(clips: Sequence[Clip]) -> dict[tuple[str, ...], int]:
    """Unlisted openings that repeat without support in the content: words -> number of captions that begin so."""
    # Equal captions count once here: captions that are repeated whole have a check of their own.
    distinct = list({clip.text: clip for clip in clips}.values())
    by_opening: dict[tuple[str, ...], list[Clip]] = defaultdict(list)
    for clip in distinct:
        for length in range(SHORTEST, min(LONGEST, len(clip.words) - 1) + 1):
            by_opening[tuple(clip.words[:length])].append(clip)
    usual: dict[int, float] = {}
    for length in range(SHORTEST, LONGEST + 1):
        counts = [
            len(members) for opening, members in by_opening.items() if len(opening) == length and len(members) > 1
        ]
        usual[length] = statistics.median(counts) if counts else 1.0
    least = max(LEAST, LEAST_SHARE * len(distinct))
    return {
        opening: len(members)
        for opening, members in by_opening.items()
        if len(members) >= max(least, ABOVE_THE_REST * min(usual[len(opening)], MODEST))
        and (_says_nothing(opening, members) or _is_everywhere(opening, members, len(distinct)))
    }


def _says_nothing(opening: tuple[str, ...], members: Sequence[Clip]) -> bool:
    claims = set(content_words(" ".join(opening)))
    # The last content word may be where the clips' own content begins ("in this tranquil view a dog").
    with_evidence = [clip for clip in members if clip.evidence]
    if not claims or len(with_evidence) < LEAST:
        return False
    grounded = sum(claims <= clip.evidence.keys() for clip in with_evidence)
    lone = [sum(claim in clip.evidence for clip in with_evidence) / len(with_evidence) for claim in claims]
    # A paraphrased opening still has words that some clips support; for boilerplate none is supported by most clips.
    return grounded <= GROUNDED * len(with_evidence) and max(lone) <= GROUNDED


def _is_everywhere(opening: tuple[str, ...], members: Sequence[Clip], count: int) -> bool:
    if count < FEWEST or len(opening) < LONG or len(members) < MANY * count:
        return False
    # Openings of function words alone ("in the middle of a") are common, so their share must be twice as large.
    plain = all(word in STOP_WORDS for word in opening)
    return len(members) >= 2 * MANY * count if plain else True


CHECKS = (
    Check(
        name="boilerplate",
        doc="captions that open with a stock phrase, listed or found by its repetition over the dataset",
        weight=0.4,
        run=_check,
    ),
)

"""Consistency of a caption with its frame captions: what it leaves out, and whether it keeps their order.

An event is what one frame caption says and no other frame caption of the clip does.

    results = CHECKS["misordered"].run(corpus)
"""

from collections import Counter
from collections.abc import Mapping

from captioning.quality.check import Check, CheckResult, fault
from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus
from captioning.quality.evidence import missing
from captioning.words import content_words, fold, words

# A frame caption with this many words of its own has an event; the event is dropped if the caption has at most this
# share of these words.
OWN_WORDS, HELD = 2, 0.25
# Kendall's tau of the order of mentions below which the order is wrong.
WRONG_ORDER = -0.3


def _coverage(corpus: Corpus) -> Mapping[str, CheckResult]:
    results = {}
    for clip in corpus.with_evidence:
        lost = missing(clip.evidence, clip.content, corpus.meaning)
        results[clip.key] = CheckResult(1 - len(lost) / len(clip.evidence))
    return results


def _dropped(corpus: Corpus) -> Mapping[str, CheckResult]:
    results = {}
    for clip in corpus.with_evidence:
        lost = [
            " ".join(own.values())
            for own in events(clip)
            if len(missing(own, clip.content, corpus.meaning)) >= (1 - HELD) * len(own)
        ]
        results[clip.key] = fault(f"leaves out what a frame caption tells: {lost[0]!r}" if lost else "")
    return results


def events(clip: Clip) -> list[dict[str, str]]:
    """The events in time order: for each frame caption with words of its own, these words, stem -> word."""
    counts = Counter(key for content in clip.frame_contents for key in content)
    own = [{key: word for key, word in content_words(text).items() if counts[key] == 1} for text in clip.frame_texts]
    return [event for event in own if len(event) >= OWN_WORDS]


def _order(corpus: Corpus) -> Mapping[str, CheckResult]:
    results = {}
    for clip in corpus.with_evidence:
        tau = concordance(clip)
        if tau is not None:
            why = "tells things in another order than the frame captions" if tau < WRONG_ORDER else ""
            results[clip.key] = fault(why)
    return results


def concordance(clip: Clip) -> float | None:
    """Kendall's tau between the order of the events and the order in which the caption first mentions them, -1 to 1.

    None if the caption mentions fewer than two events.
    """
    position = {fold(word): at for at, word in reversed(list(enumerate(words(clip.text))))}
    mentions = [at for own in events(clip) if (at := [position[key] for key in own if key in position])]
    pairs = [(earlier, later) for first, earlier in enumerate(mentions) for later in mentions[first + 1 :]]
    # Only pairs of events that do not overlap in the caption have an order: it may describe several things together.
    right = sum(max(earlier) < min(later) for earlier, later in pairs)
    wrong = sum(max(later) < min(earlier) for earlier, later in pairs)
    return (right - wrong) / (right + wrong) if right + wrong else None


CHECKS = (
    Check(
        name="coverage",
        doc="of the content words of a clip's frame captions and overview, the share that its caption holds",
        weight=0.0,
        run=_coverage,
        tier=1,
        better="high",
    ),
    Check(
        name="dropped_event",
        doc="captions that leave out what one frame caption alone tells",
        weight=0.2,
        run=_dropped,
        tier=1,
    ),
    Check(
        name="misordered",
        doc="captions that tell events in another order than the frame captions (of those that tell two or more)",
        weight=0.4,
        run=_order,
        tier=1,
    ),
)

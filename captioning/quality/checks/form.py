"""Faults of form, whatever the clip shows: empty captions, errors, refusals, markup, hedges, loops.

The word lists are English; captions in another language have a check of their own.

    results = CHECKS["refusal"].run(corpus)
"""

import re
from collections import Counter
from collections.abc import Mapping

from captioning.form import LOOP_TIMES, LOOP_WORDS, MARKUP, REFUSAL, THINKING
from captioning.language import other_language
from captioning.quality.check import Check, CheckResult, each_captioned, fault
from captioning.quality.clip import Clip, runs
from captioning.quality.corpus import Corpus
from captioning.words import DOUBT_WORDS, STOP_WORDS, content_words, words

_ERROR = re.compile(
    r"\b(?:traceback|exception|timed? ?out|rate limit|quota exceeded|internal server error|bad gateway|"
    r"service unavailable|http [45]\d\d|error(?: code)?:? ?[45]\d\d|(?:api|model|request|server) "
    r"error|null|nan|undefined|"
    r"none)\b|<unk>|\bn/a\b",
    re.IGNORECASE,
)
_CERTAIN_ERROR = re.compile(r"\b(?:traceback|exception|internal server error|bad gateway|quota exceeded)\b", re.I)
_FRAME = re.compile(
    r"\b(?:(?:first|second|third|fourth|fifth|sixth|last|final|next|previous|opening|closing|each|every|another|same) "
    r"(?:frame|image|still|picture|photo|photograph|screenshot|caption)s?"
    r"|(?:frame|image|still|picture|photo|caption|figure) (?:#|no\.? ?)?(?:\d+|one|two|three|four|five)\b"
    r"|(?:frame|image|still|caption)s (?:show|depict|display|are|provide|describe)|across (?:the |all "
    r")?(?:frames|images|stills)"
    r"|(?:in|of|from|between) (?:the|these|those|all|both) (?:frames|images|stills|captions)|frame captions?"
    r"|t ?= ?\d|at \d+(?:\.\d+)? ?s(?:econds?)?\b)",
    re.IGNORECASE,
)
_JSON = re.compile(r"^\s*[{\[]|[}\]]\s*$|\"\w+\"\s*:|\\n|</?\w+>|\bhttps?://|&[a-z]+;|^\s*\w+:\s", re.MULTILINE)
_DOUBT = re.compile(
    r"\b(?:possibly|perhaps|maybe|likely|probably|presumably|apparently|seemingly|suggest(?:s|ing)?|impl(?:y|ies|ying)|"
    r"(?:may|might|could) (?:be|have|indicate|suggest)|(?:seem|appear)s? to|as if|as though|(?:hard|"
    r"difficult) to (?:tell|say)|"
    r"unclear|sense of|hint(?:s|ing)? at)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:there (?:is|are) no|no (?:visible|other|one|clear|apparent|sign|people|text|person|movement|objects?)\b|"
    r"(?:is|are|does|do|was|were|can)(?: ?not|n['’]t)|cannot|nothing (?:else|is)|nobody|none of|"
    r"without any|not visible|not shown)",
    re.IGNORECASE,
)
_DOUBTERS = ("facts",)  # captioners that express doubt by design
# A loop: at least this share of a caption's 4-grams are repetitions. Long captions from elsewhere may use a phrase
# three times, which is enough to ask one of our models again but not for a finding.
LOOP_SHARE = 0.2
# The least share of function words that English prose has: a list of key words has fewer.
FEWEST_STOP_WORDS, ENOUGH_WORDS = 0.08, 10


def _empty(corpus: Corpus) -> Mapping[str, CheckResult]:
    return {clip.key: fault("" if clip.text else "there is no caption") for clip in corpus.clips}


def _error(corpus: Corpus) -> Mapping[str, CheckResult]:
    return {clip.key: fault(_error_of(clip)) for clip in corpus.clips}


def _error_of(clip: Clip) -> str:
    if clip.record.error:
        return f"captioning failed: {clip.record.error}"
    match = _ERROR.search(clip.text)
    # A short text with such a word is an error message; in a long text only words that no scene calls for count.
    if match and (len(clip.words) <= 8 or _CERTAIN_ERROR.search(clip.text)):
        return f"reads like an error message: {match.group()!r}"
    return ""


def _match(pattern: re.Pattern[str], label: str, clip: Clip) -> str:
    match = pattern.search(clip.text)
    return f"{label}: {match.group().strip()!r}" if match else ""


def _markup(clip: Clip) -> str:
    for text in _lengths(clip):
        match = MARKUP.search(text) or _JSON.search(text)
        if match:
            return f"holds markup, a list or JSON: {match.group().strip()!r}"
        if "\n" in text.strip():
            return "holds a line break"
    return ""


def _thinking(clip: Clip) -> str:
    match = next(filter(None, map(THINKING.search, _lengths(clip))), None)
    return f"thinks aloud: {match.group().strip()!r}" if match else ""


def _lengths(clip: Clip) -> tuple[str, ...]:
    """The texts that ship with a sample."""
    return clip.record.dense, clip.record.medium, clip.record.short


def _hedge(corpus: Corpus) -> Mapping[str, CheckResult]:
    """Doubt always counts in the measure; it is a finding only where it was not intended.

    The embedded captioner says `may be` of an uncertain label by design: such words of its own frame captions are no
    fault of the sample.
    """
    results = {}
    for clip in corpus.captioned:
        doubt = _doubt_of(clip)
        meant = doubt and clip.record.captioner in _DOUBTERS and doubt.lower() in " ".join(clip.frame_texts).lower()
        results[clip.key] = CheckResult(float(bool(doubt)), "" if meant or not doubt else f"is in doubt: {doubt!r}")
    return results


def _doubt_of(clip: Clip) -> str:
    match = _DOUBT.search(clip.text)
    if match:
        return match.group()
    return next((word for word in clip.words if word in DOUBT_WORDS - {"could", "may"}), "")


def _foreign(clip: Clip) -> str:
    if language := other_language(clip.text):
        return f"is not in English: {language}"
    english = sum(word in STOP_WORDS for word in clip.words)
    few = len(clip.words) >= ENOUGH_WORDS and english < FEWEST_STOP_WORDS * len(clip.words)
    return f"{english} of {len(clip.words)} words are English function words" if few else ""


def _loop(clip: Clip) -> str:
    sentence_counts = Counter(frozenset(content_words(sentence)) for sentence in clip.sentences)
    again = [content for content, times in sentence_counts.items() if content and times > 1]
    if again:
        return "says one sentence twice"
    counts = Counter(runs(clip.words, LOOP_WORDS))
    # Frame captions of one shot share phrases; a phrase is a loop only if the caption repeats it more often than they.
    given = Counter(run for text in clip.frame_texts for run in runs(words(text), LOOP_WORDS))
    extra = {run: max(0, times - max(1, given[run])) for run, times in counts.items()}
    if sum(extra.values()) >= max(LOOP_TIMES, LOOP_SHARE * sum(counts.values())):
        worst = max(extra, key=lambda run: extra[run])
        return f"repeats itself: {' '.join(worst)!r} {counts[worst]} times"
    # Short loops ("the the the", "a red car a red car") have fewer than four different words.
    flat = re.search(r"\b(\w+(?:\W+\w+)?)(?:\W+\1\b){2,}", clip.text, re.IGNORECASE)
    return f"repeats itself: {flat.group(1)!r}" if flat else ""


CHECKS = (
    Check(name="empty", doc="clips without a caption", weight=1.0, run=_empty),
    Check(
        name="error", doc="clips whose captioning failed or whose caption is an error message", weight=1.0, run=_error
    ),
    Check(
        name="refusal",
        doc="captions in which a model says that it cannot or will not describe",
        weight=1.0,
        run=each_captioned(lambda clip: _match(REFUSAL, "a model refuses", clip)),
    ),
    Check(
        name="frame_leak",
        doc="captions that speak of frames or stills, which a viewer of the clip does not see",
        weight=0.5,
        run=each_captioned(lambda clip: _match(_FRAME, "speaks of stills", clip)),
    ),
    Check(
        name="markup", doc="captions with line breaks, lists, markup or JSON", weight=0.5, run=each_captioned(_markup)
    ),
    Check(
        name="thinking",
        doc="captions in which a model thinks aloud about its task",
        weight=1.0,
        run=each_captioned(_thinking),
    ),
    Check(name="hedge", doc="captions that doubt or interpret what is seen", weight=0.1, run=_hedge),
    Check(
        name="negation",
        doc="captions that tell what is not there, which a generator would draw",
        weight=0.15,
        run=each_captioned(lambda clip: _match(_NEGATION, "tells what is not there", clip)),
    ),
    Check(name="foreign", doc="captions that are not English", weight=0.7, run=each_captioned(_foreign)),
    Check(name="loop", doc="captions that repeat themselves", weight=0.6, run=each_captioned(_loop)),
)

"""What a check is: a name, what it says, how bad a finding is, and a function from all captions to what it sees.

python -m captioning.quality.registry
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus


class CheckResult(NamedTuple):
    """What a check saw on one clip: a value (1 or 0 where the check is a yes or no) and, if it found fault, why."""

    value: float
    why: str = ""


CheckFunction = Callable[[Corpus], Mapping[str, CheckResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: its name (that of its measure), what it says, how bad a finding is (0 to 1), and what it sees.

    `look` gives what was seen on every clip that the check applies to, by clip id; the measure is the mean of the
    values, and whatever has a `why` is a finding. `tier`: 0 text alone, 1 against by-products, 2 against pictures.
    """

    name: str
    doc: str
    weight: float
    run: CheckFunction
    tier: Literal[0, 1, 2] = 0
    unit: Literal["share", "words", "tokens", "score"] = "share"
    better: Literal["low", "high"] | None = "low"


def each_captioned(find: Callable[[Clip], str]) -> CheckFunction:
    """A yes or no about every clip with a caption: `find` gives the reason, empty if there is nothing to find."""

    def run(corpus: Corpus) -> Mapping[str, CheckResult]:
        return {clip.key: fault(find(clip)) for clip in corpus.captioned}

    return run


def fault(why: str) -> CheckResult:
    """A yes with its reason, or a no where the reason is empty."""
    return CheckResult(1.0, why) if why else CheckResult(0.0)

"""What a check is: a name, a description, a weight, and a function from all captions to a result per clip.

results = CHECKS["truncated"].run(Corpus.of(records))
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus


class CheckResult(NamedTuple):
    """The result of a check on one clip: a value (1 or 0 for a yes-or-no check) and, if there is a finding, why."""

    value: float
    why: str = ""


CheckFunction = Callable[[Corpus], Mapping[str, CheckResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: its name (also its measure's), its description, and how bad a finding is (`weight`, 0 to 1).

    `run` gives a result for every clip that the check applies to, by sample id. The measure is the mean of the values;
    a result with a `why` is a finding. `tier`: 0 text alone, 1 against frame captions and measurements, 2 against
    stills.
    """

    name: str
    doc: str
    weight: float
    run: CheckFunction
    tier: Literal[0, 1, 2] = 0
    unit: Literal["share", "words", "tokens", "score"] = "share"
    better: Literal["low", "high"] | None = "low"


def each_captioned(find: Callable[[Clip], str]) -> CheckFunction:
    """A yes-or-no check of every clip with a caption; `find` returns the reason of a finding, or an empty string."""

    def run(corpus: Corpus) -> Mapping[str, CheckResult]:
        return {clip.key: fault(find(clip)) for clip in corpus.captioned}

    return run


def fault(why: str) -> CheckResult:
    """A finding with its reason (value 1), or no finding if the reason is empty (value 0)."""
    return CheckResult(1.0, why) if why else CheckResult(0.0)

"""Selection rules: one condition on one column.

    aesthetic >= 4.8            text_area < 0.05            camera != static
    aesthetic in top 20%        motion in bottom 90%        motion in middle 90%

A `Rule` compares with a number or a word. A `PercentileRule` compares with the other clips: given every clip's value,
`resolve` turns it into plain rules with a threshold. A rule has a single comparison, so that a dropped clip can name
the rule, its own value and the threshold.

A clip that has no value in the column (an image has no motion) passes: the rule does not apply to it.

    just what-if <dataset> "aesthetic in top 20%"
"""

import math
import operator
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, cast

from schemas.errors import RuleError
from schemas.nearest import did_you_mean

FORMS = "write `column >= number`, for example `aesthetic >= 4.8`, or `column in top 20%`"

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
_COMPARISON = re.compile(r"\s*([a-z_][a-z0-9_]*)\s*(>=|<=|==|!=|>|<)\s*([^\s=<>].*?)\s*")
_PERCENTILE = re.compile(r"\s*([a-z_][a-z0-9_]*)\s+in\s+(top|bottom|middle)\s+(\d+(?:\.\d+)?)\s*%\s*")


@dataclass(frozen=True, slots=True)
class Rule:
    """A comparison: the text as written, the column, the operator, the threshold, and the rule set that it is from.

    For a resolved percentile the text is the percentile rule's.
    """

    text: str
    column: str
    comparison: str
    threshold: float | str
    rule_set: str = ""

    @property
    def is_resolved(self) -> bool:
        """Whether the threshold was computed from the clips (a resolved percentile) rather than written."""
        return _PERCENTILE.fullmatch(self.text) is not None

    def check_column(self, columns: Collection[str], words: Collection[str] = ()) -> None:
        """Raise `RuleError` if the column is not in `columns`, or if it is in `words` and the threshold is a number.

        The reverse, a word for a column of numbers, is refused too.
        """
        _check_known(self, columns)
        if isinstance(self.threshold, str) != (self.column in words):
            holds = "words" if self.column in words else "numbers"
            raise RuleError(f"rule {self.text!r}: column {self.column!r} holds {holds}")

    def passes(self, value: float | str | None) -> bool:
        """Whether a clip with this value in the rule's column passes; a missing value passes."""
        if value is None:
            return True
        if isinstance(value, str) != isinstance(self.threshold, str):
            holds = "words" if isinstance(value, str) else "numbers"
            raise RuleError(f"rule {self.text!r}: column {self.column!r} holds {holds}")
        return bool(_OPERATORS[self.comparison](value, self.threshold))

    def compare(self, values: Any) -> Any:
        """Whether each number of an array [N] passes, as booleans [N]; a missing value is NaN and passes."""
        return _OPERATORS[self.comparison](values, self.threshold) | (values != values)

    def refusal(self, value: float | str) -> str:
        """Why a clip with this value does not pass, in one sentence."""
        shown, threshold = _apart(value, self.threshold)
        origin = f" (rule set {self.rule_set})" if self.rule_set else ""
        if self.is_resolved:
            return f"{self.column} is {shown}, {self.text} needs {self.comparison} {threshold} here{origin}"
        return f"{self.column} is {shown}, the rule says {self.text}{origin}"

    def resolve(self, values: Iterable[float | str | None]) -> "tuple[Rule, ...]":
        """The rule itself: a plain comparison does not depend on other clips."""
        return (self,)


@dataclass(frozen=True, slots=True)
class PercentileRule:
    """A comparison with the other clips: the side that is kept (`top`, `bottom`, `middle`), and its percentage."""

    text: str
    column: str
    side: Literal["top", "bottom", "middle"]
    percent: Fraction
    rule_set: str = ""

    def check_column(self, columns: Collection[str], words: Collection[str] = ()) -> None:
        """Raise `RuleError` if the column is not among `columns` or holds words."""
        _check_known(self, columns)
        if self.column in words:
            raise RuleError(f"rule {self.text!r}: column {self.column!r} holds words, which have no order")

    def resolve(self, values: Iterable[float | str | None]) -> tuple[Rule, ...]:
        """The plain rules that this one stands for among clips with these `values` (None: no value, not counted).

        Of N values, `top P%` keeps the ceil(N P / 100) highest and all that equal the lowest of them, so the result
        depends only on the values, not on their order or on other rules. `middle P%` drops (100 - P) / 2 percent at
        either end. Without any value there is no rule.
        """
        numbers = sorted(value for value in values if isinstance(value, int | float) and not math.isnan(value))
        return self.resolve_ranked(len(numbers), numbers.__getitem__)

    def resolve_ranked(self, count: int, value_at: Callable[[int], float]) -> tuple[Rule, ...]:
        """The same for `count` values, of which `value_at` gives the one at a place in ascending order, from 0."""
        if not count:
            return ()
        share = (100 + self.percent) / 200 if self.side == "middle" else self.percent / 100
        kept = math.ceil(share * count)

        def bound(comparison: str, place: int) -> Rule:
            return Rule(self.text, self.column, comparison, float(value_at(place)), self.rule_set)

        bounds = {"top": (">=",), "bottom": ("<=",), "middle": (">=", "<=")}[self.side]
        places = {">=": count - kept, "<=": kept - 1}
        return tuple(bound(comparison, places[comparison]) for comparison in bounds)


AnyRule = Rule | PercentileRule


def parse_rule(text: str, rule_set: str = "") -> AnyRule:
    """Parse one rule. Raises `RuleError` that shows how rules are written."""
    if match := _PERCENTILE.fullmatch(text):
        column, side, percent = match.groups()
        if not 0 < Fraction(percent) <= 100:
            raise RuleError(f"rule {text!r}: {percent}% is not more than 0% and at most 100%")
        kept = cast(Literal["top", "bottom", "middle"], side)
        return PercentileRule(text.strip(), column, kept, Fraction(percent), rule_set)
    match = _COMPARISON.fullmatch(text)
    if not match:
        raise RuleError(f"rule {text!r}: {FORMS}")
    column, comparison, value = match.groups()
    threshold: float | str
    try:
        threshold = float(value)
    except ValueError:
        threshold = value.strip("'\"")
        if comparison not in ("==", "!="):
            raise RuleError(f"rule {text!r}: {value!r} is a word; words compare with == or != only") from None
    if isinstance(threshold, float) and not math.isfinite(threshold):
        raise RuleError(f"rule {text!r}: {value!r} is no number to compare with")
    return Rule(text.strip(), column, comparison, threshold, rule_set)


def _check_known(rule: AnyRule, columns: Collection[str]) -> None:
    if rule.column not in columns:
        raise RuleError(f"rule {rule.text!r}: no column {rule.column!r}; {did_you_mean(rule.column, columns)}")


def _apart(value: float | str, threshold: float | str) -> tuple[str, str]:
    """Value and threshold with as few digits as distinguish them: 4.83 next to 4.83 would explain nothing."""
    if isinstance(value, str) or isinstance(threshold, str):
        return str(value), str(threshold)
    for digits in (4, 6, 9):
        shown = f"{value:.{digits}g}", f"{threshold:.{digits}g}"
        if shown[0] != shown[1] or value == threshold:
            return shown
    return repr(value), repr(threshold)

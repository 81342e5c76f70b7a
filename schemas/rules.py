"""Selection rules: one comparison of a column with a number or a word, as people write it.

    aesthetic >= 4.8        text_area < 0.05        camera != static

A clip that has no value in the column (an image has no motion) passes: the rule does not apply to it. One comparison
per rule, so that a dropped clip can name the rule, its own value and the threshold.

    just what-if <dataset> "aesthetic >= 4.8"
"""

import operator
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from schemas.errors import RuleError
from schemas.nearest import did_you_mean

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
_FORM = re.compile(r"\s*([a-z_][a-z0-9_]*)\s*(>=|<=|==|!=|>|<)\s*([^\s=<>].*?)\s*")


@dataclass(frozen=True, slots=True)
class Rule:
    """A parsed rule: the text as written, the column, the comparison, and the threshold."""

    text: str
    column: str
    comparison: str
    threshold: float | str

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """Read `column comparison value`. Raises `RuleError` that shows the form."""
        match = _FORM.fullmatch(text)
        if not match:
            raise RuleError(f"rule {text!r}: write `column >= number`, for example `aesthetic >= 4.8`")
        column, comparison, value = match.groups()
        threshold: float | str
        try:
            threshold = float(value)
        except ValueError:
            threshold = value.strip("'\"")
            if comparison not in ("==", "!="):
                raise RuleError(f"rule {text!r}: {value!r} is a word; words compare with == or != only") from None
        return cls(text.strip(), column, comparison, threshold)

    def check_column(self, columns: Collection[str], words: Collection[str] = ()) -> None:
        """Raise `RuleError` if the column is not among `columns`, or holds words (`words`) where a number is given."""
        if self.column not in columns:
            raise RuleError(f"rule {self.text!r}: no column {self.column!r}; {did_you_mean(self.column, columns)}")
        if isinstance(self.threshold, str) != (self.column in words):
            kind = "words" if self.column in words else "numbers"
            raise RuleError(f"rule {self.text!r}: column {self.column!r} holds {kind}")

    def passes(self, value: float | str | None) -> bool:
        """Whether a clip with this value in the rule's column passes; a missing value passes."""
        if value is None:
            return True
        if isinstance(value, str) != isinstance(self.threshold, str):
            kind = "words" if isinstance(value, str) else "numbers"
            raise RuleError(f"rule {self.text!r}: column {self.column!r} holds {kind}")
        return bool(_OPERATORS[self.comparison](value, self.threshold))

"""Gates: bounds that a dataset's measures must keep, written like selection rules: `empty <= 0`, `swapped <= 0.02`.

python -m pytest tests/captioning/quality/test_judge.py
"""

from collections.abc import Collection, Mapping, Sequence

from captioning.quality.records import Gate, Measure
from schemas.config import ReportConfig
from schemas.errors import RuleError
from schemas.rules import Rule, parse_rule

DEFAULT_GATES = tuple(ReportConfig().gates)


def read_gates(texts: Sequence[str], names: Collection[str]) -> list[Rule]:
    """Read gates; raises `RuleError` if one cannot be read, names none of `names`, or compares with other clips."""
    rules = []
    for text in texts:
        rule = parse_rule(text)
        rule.check_column(names)
        if not isinstance(rule, Rule):
            raise RuleError(f"gate {text!r}: a gate compares one measure with a number, for example `empty <= 0`")
        rules.append(rule)
    return rules


def judge_gates(rules: Sequence[Rule], measures: Sequence[Measure]) -> tuple[Gate, ...]:
    """Hold measures of all clips against the gates. What was not measured does not pass: nobody knows that it holds."""
    values: Mapping[str, float] = {measure.name: measure.value for measure in measures}
    return tuple(
        Gate(
            rule=rule.text,
            value=values.get(rule.column),
            passed=rule.column in values and rule.passes(values[rule.column]),
        )
        for rule in rules
    )

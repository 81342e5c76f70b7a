"""Gates: bounds on a dataset's measures, written like selection rules: `empty <= 0`, `swapped <= 0.02`.

gates = judge_gates(read_gates(["empty <= 0"], CHECKS), report.measures["all"])
"""

from collections.abc import Collection, Mapping, Sequence

from captioning.quality.records import Gate, Measure
from schemas.config import ReportConfig
from schemas.errors import RuleError
from schemas.rules import Rule, parse_rule

DEFAULT_GATES = tuple(ReportConfig().gates)


def read_gates(texts: Sequence[str], names: Collection[str]) -> list[Rule]:
    """Parse gates. Raises `RuleError` if one cannot be parsed, uses no name of `names`, or is a percentile rule."""
    rules = []
    for text in texts:
        rule = parse_rule(text)
        rule.check_column(names)
        if not isinstance(rule, Rule):
            raise RuleError(f"gate {text!r}: a gate compares one measure with a number, for example `empty <= 0`")
        rules.append(rule)
    return rules


def judge_gates(rules: Sequence[Rule], measures: Sequence[Measure]) -> tuple[Gate, ...]:
    """Judge the gates by the measures of all clips. A gate on something that was not measured fails."""
    values: Mapping[str, float] = {measure.name: measure.value for measure in measures}
    return tuple(
        Gate(
            rule=rule.text,
            value=values.get(rule.column),
            passed=rule.column in values and rule.passes(values[rule.column]),
        )
        for rule in rules
    )

"""Selection rules: read as people write them, applied to what a clip has.

python -m pytest tests/schemas/test_rules.py
"""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import RuleError
from schemas.rules import PercentileRule, Rule, parse_rule

NUMBERS = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.sampled_from(sorted(NUMBERS)), finite, finite)
def test_a_numeric_rule_compares_as_python_does(comparison: str, threshold: float, value: float) -> None:
    rule = parse_rule(f"aesthetic {comparison} {threshold!r}")
    assert rule.passes(value) == NUMBERS[comparison](value, threshold)


@pytest.mark.parametrize("text", ["motion>=1", " motion >= 1 ", "motion  >=  1.0"])
def test_spaces_do_not_matter(text: str) -> None:
    rule = parse_rule(text)
    assert (rule.column, rule.comparison, rule.threshold) == ("motion", ">=", 1.0)
    assert rule.text == text.strip()


@pytest.mark.parametrize("word", ["pan left", "'pan left'", '"pan left"'])
def test_words_are_compared_whole(word: str) -> None:
    assert not parse_rule(f"camera != {word}").passes("pan left")
    assert parse_rule(f"camera != {word}").passes("pan")
    assert parse_rule(f"camera == {word}").passes("pan left")


@pytest.mark.parametrize("text", ["motion >= 1", "camera == static", "motion != 1"])
def test_a_clip_without_the_value_passes(text: str) -> None:
    assert parse_rule(text).passes(None)


@pytest.mark.parametrize(
    "text",
    ["", "motion", "motion >=", ">= 1", "motion => 1", "Motion >= 1", "motion ≥ 1", "2 < motion", "camera === static"],
)
def test_unreadable_rules_show_the_form(text: str) -> None:
    with pytest.raises(RuleError, match="write `column >= number`, for example"):
        parse_rule(text)


def test_words_have_no_order() -> None:
    with pytest.raises(RuleError, match="'static' is a word; words compare with == or != only"):
        parse_rule("camera >= static")


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(RuleError, match=r"no column 'astetic'; did you mean 'aesthetic'\?"):
        parse_rule("astetic >= 4").check_column(["motion", "aesthetic"])
    parse_rule("motion >= 4").check_column(["motion", "aesthetic"])


@pytest.mark.parametrize(
    ("text", "value", "kind"), [("motion >= 1", "fast", "words"), ("camera == static", 1.0, "numbers")]
)
def test_a_rule_of_the_wrong_kind_says_what_the_column_holds(text: str, value: object, kind: str) -> None:
    with pytest.raises(RuleError, match=f"holds {kind}"):
        parse_rule(text).passes(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "kind"), [("motion == fast", "numbers"), ("camera >= 3", "words")])
def test_a_rule_of_the_wrong_kind_is_refused_before_any_work(text: str, kind: str) -> None:
    with pytest.raises(RuleError, match=f"holds {kind}"):
        parse_rule(text).check_column(["motion", "camera"], words=["camera"])

"""Selection rules: read as people write them, applied to what a clip has, and percentiles to what all clips have.

python -m pytest tests/schemas/test_rules.py
"""

import math
import operator
from collections.abc import Sequence
from fractions import Fraction

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


def _rule(text: str) -> Rule:
    rule = parse_rule(text)
    assert isinstance(rule, Rule)
    return rule


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.sampled_from(sorted(NUMBERS)), finite, finite)
def test_a_numeric_rule_compares_as_python_does(comparison: str, threshold: float, value: float) -> None:
    rule = _rule(f"aesthetic {comparison} {threshold!r}")
    assert rule.passes(value) == NUMBERS[comparison](value, threshold)


@pytest.mark.parametrize("text", ["motion>=1", " motion >= 1 ", "motion  >=  1.0"])
def test_spaces_do_not_matter(text: str) -> None:
    rule = _rule(text)
    assert (rule.column, rule.comparison, rule.threshold) == ("motion", ">=", 1.0)
    assert rule.text == text.strip()


@pytest.mark.parametrize("word", ["pan left", "'pan left'", '"pan left"'])
def test_words_are_compared_whole(word: str) -> None:
    assert not _rule(f"camera != {word}").passes("pan left")
    assert _rule(f"camera != {word}").passes("pan")
    assert _rule(f"camera == {word}").passes("pan left")


@pytest.mark.parametrize("text", ["motion >= 1", "camera == static", "motion != 1"])
def test_a_clip_without_the_value_passes(text: str) -> None:
    assert _rule(text).passes(None)


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


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999"])
def test_what_no_number_can_be_compared_with_is_refused(number: str) -> None:
    with pytest.raises(RuleError, match="is no number to compare with"):
        parse_rule(f"motion >= {number}")


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(RuleError, match=r"no column 'astetic'; did you mean 'aesthetic'\?"):
        parse_rule("astetic >= 4").check_column(["motion", "aesthetic"])
    parse_rule("motion >= 4").check_column(["motion", "aesthetic"])


@pytest.mark.parametrize(
    ("text", "value", "kind"), [("motion >= 1", "fast", "words"), ("camera == static", 1.0, "numbers")]
)
def test_a_rule_of_the_wrong_kind_says_what_the_column_holds(text: str, value: object, kind: str) -> None:
    with pytest.raises(RuleError, match=f"holds {kind}"):
        _rule(text).passes(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "kind"), [("motion == fast", "numbers"), ("camera >= 3", "words")])
def test_a_rule_of_the_wrong_kind_is_refused_before_any_work(text: str, kind: str) -> None:
    with pytest.raises(RuleError, match=f"holds {kind}"):
        parse_rule(text).check_column(["motion", "camera"], words=["camera"])


# --- percentiles -----------------------------------------------------------------------------------------------------

values = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 1.5]), min_size=1, max_size=60)
percents = st.integers(1, 1000).map(lambda tenths: f"{tenths / 10:g}")
sides = st.sampled_from(["top", "bottom", "middle"])


def _kept(text: str, values: Sequence[float]) -> list[float]:
    bounds = parse_rule(text).resolve(values)
    return [value for value in values if all(rule.passes(value) for rule in bounds)]


@given(values, percents, st.sampled_from(["top", "bottom"]))
def test_a_percentile_keeps_its_share_and_what_equals_the_last_of_it(
    values: list[float], percent: str, side: str
) -> None:
    kept = _kept(f"aesthetic in {side} {percent}%", values)
    share = math.ceil(Fraction(percent) * len(values) / 100)
    last = sorted(kept)[0] if side == "top" else sorted(kept)[-1]
    assert share <= len(kept) < share + kept.count(last)


@given(values, percents)
def test_the_middle_leaves_out_half_of_the_rest_at_either_end(values: list[float], percent: str) -> None:
    kept = _kept(f"motion in middle {percent}%", values)
    most_out = math.floor((100 - Fraction(percent)) / 200 * len(values))
    assert sum(value < min(kept) for value in values) <= most_out
    assert sum(value > max(kept) for value in values) <= most_out
    if len(set(values)) == len(values):
        assert len(kept) == len(values) - 2 * most_out


@given(values, percents, sides, st.randoms(use_true_random=False))
def test_the_order_of_the_clips_does_not_matter(values: list[float], percent: str, side: str, random: object) -> None:
    shuffled = values[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    rule = parse_rule(f"motion in {side} {percent}%")
    assert rule.resolve(values) == rule.resolve(shuffled)


@given(values, percents, sides)
def test_clips_without_a_value_change_no_threshold_and_pass(values: list[float], percent: str, side: str) -> None:
    rule = parse_rule(f"motion in {side} {percent}%")
    bounds = rule.resolve([None, *values, math.nan, None])
    assert bounds == rule.resolve(values)
    assert all(bound.passes(None) for bound in bounds)


@pytest.mark.parametrize("side", ["top", "bottom", "middle"])
def test_a_hundred_percent_keep_all_and_of_nothing_there_is_no_threshold(side: str) -> None:
    assert _kept(f"motion in {side} 100%", [3.0, 1.0, 2.0]) == [3.0, 1.0, 2.0]
    assert parse_rule(f"motion in {side} 20%").resolve([None, None]) == ()


def test_seven_percent_of_a_hundred_are_seven() -> None:
    assert len(_kept("motion in top 7%", list(range(100)))) == 7  # 0.07 * 100 is more than 7 in binary


@pytest.mark.parametrize("text", ["aesthetic in top 12.5%", "  aesthetic  in  top  12.5 % "])
def test_a_percentile_is_read_as_written(text: str) -> None:
    assert parse_rule(text) == PercentileRule(text.strip(), "aesthetic", "top", Fraction("12.5"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aesthetic in top 20", "or `column in top 20%`"),
        ("aesthetic in best 20%", "or `column in top 20%`"),
        ("aesthetic in top -5%", "or `column in top 20%`"),
        ("aesthetic in top 0%", "0% is not more than 0%"),
        ("aesthetic in top 100.5%", "at most 100%"),
    ],
)
def test_an_unreadable_percentile_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_rule(text)
    assert message in str(caught.value)


def test_a_percentile_of_words_or_of_no_column_is_refused_before_any_work() -> None:
    with pytest.raises(RuleError, match="holds words, which have no order"):
        parse_rule("camera in top 20%").check_column(["camera"], words=["camera"])
    with pytest.raises(RuleError, match=r"did you mean 'motion'\?"):
        parse_rule("moton in top 20%").check_column(["motion"])
    parse_rule("motion in top 20%").check_column(["motion"], words=["camera"])


def test_a_refusal_shows_the_number_that_a_percentile_means() -> None:
    (rule,) = parse_rule("aesthetic in top 20%").resolve([4.1, 4.2, 4.3, 4.4, 4.83])
    assert rule.refusal(4.1) == "aesthetic is 4.1, aesthetic in top 20% needs >= 4.83 here"
    assert rule.refusal(4.829999) == "aesthetic is 4.829999, aesthetic in top 20% needs >= 4.83 here"


def test_a_refusal_names_the_rule_set() -> None:
    rule = parse_rule("aesthetic >= 4.8", "house")
    assert isinstance(rule, Rule)
    assert rule.refusal(4.1) == "aesthetic is 4.1, the rule says aesthetic >= 4.8 (rule set house)"

"""Named rule sets: every rule can be read, names what the clips hold, and says where it is from.

python -m pytest tests/schemas/test_rule_sets.py
"""

from pathlib import Path

import pytest

from pipeline.stages.score.scorers.registry import SCORERS
from pipeline.stages.select.select import CLIP_COLUMNS, WORD_COLUMNS
from schemas.errors import ConfigError, RuleError
from schemas.load import load_config
from schemas.rule_sets import RULE_SETS, open_rules
from schemas.rules import Rule, parse_rule

COLUMNS = {*CLIP_COLUMNS, *(measure for scorer in SCORERS.values() for measure in scorer.measures)}


def test_the_sets_are_those_that_the_documentation_names() -> None:
    assert list(RULE_SETS) == ["cogvideox", "open_sora", "movie_gen", "permissive"]
    assert all(name == rule_set.name and rule_set.source for name, rule_set in RULE_SETS.items())


@pytest.mark.parametrize("name", RULE_SETS)
def test_every_rule_looks_at_a_column_that_exists_and_says_where_it_is_from(name: str) -> None:
    for rule in open_rules(name):
        rule.check_column(COLUMNS, WORD_COLUMNS)
        assert rule.rule_set == name
    assert all(RULE_SETS[name].rules.values())
    assert len({*RULE_SETS[name].rules}) == len(open_rules(name))


@pytest.mark.parametrize("name", RULE_SETS)
def test_a_rule_decides_the_same_alone_and_in_its_set(name: str) -> None:
    values = [None, 0.0, 0.01, 0.04, 0.2, 1.0, 3.9, 4.0, 4.6, 5.5, 20.0, 768.0, 1080.0]
    for text, inside in zip(RULE_SETS[name].rules, open_rules(name), strict=True):
        for rule, other in zip(parse_rule(text).resolve(values), inside.resolve(values), strict=True):
            assert [rule.passes(value) for value in values] == [other.passes(value) for value in values]


@pytest.mark.parametrize("text", ["aesthetic >= 4.8", "aesthetic in top 20%", "camera != static"])
def test_a_single_rule_is_its_own_set(text: str) -> None:
    (rule,) = open_rules(text)
    assert (rule.text, rule.rule_set) == (text, "")


def test_an_unknown_set_names_the_nearest_and_how_a_rule_is_written() -> None:
    with pytest.raises(RuleError, match=r"'opensora' is no rule set; did you mean 'open_sora'\?; .* write `column >="):
        open_rules("opensora")


def test_a_set_stands_in_the_configuration_by_its_name_beside_single_rules() -> None:
    config = load_config(changes=['select.rules=[cogvideox, "aesthetic in top 20%"]'])
    assert config.select.rules == ["cogvideox", "aesthetic in top 20%"]
    with pytest.raises(ConfigError, match=r"select\.rules\.0 = 'cogvideo': 'cogvideo' is no rule set"):
        load_config(changes=["select.rules=[cogvideo]"])


def test_numbers_that_are_ours_say_so_where_the_source_discloses_none() -> None:
    (text_area,) = [rule for rule in open_rules("cogvideox") if rule.column == "text_area"]
    assert isinstance(text_area, Rule)
    assert RULE_SETS["cogvideox"].rules[text_area.text].endswith("ours")


def test_the_documentation_shows_every_rule_of_every_set() -> None:
    shown = (Path(__file__).resolve().parents[2] / "docs" / "selection.md").read_text()
    rows = {line.split("`")[1]: line for line in shown.splitlines() if line.startswith("| `")}
    for name, rule_set in RULE_SETS.items():
        assert [rule for rule in rule_set.rules if f"`{rule}`" not in rows[name]] == []

"""Distinct-n and self-BLEU see templates; aspects are told by their words."""

import pytest

from captioning.quality.checks.variety import bleu, sampled
from captioning.quality.corpus import Corpus
from captioning.quality.lexicons import aspects
from tests.captioning.quality.clips import clip, run_check

TEMPLATE = "A {} stands in the middle of a room and the camera moves around it slowly from the left to the right side."


def test_templates_are_less_varied_than_prose() -> None:
    alike = [clip(TEMPLATE.format(f"thing{index}"), key=str(index)) for index in range(20)]
    unlike = [clip(" ".join(f"word{index * 30 + at}" for at in range(25)), key=str(index)) for index in range(20)]
    for name, better in (("distinct_1", 1), ("distinct_2", 1), ("self_bleu_4", -1)):
        means = [sum(result.value for result in run_check(name, records).values()) / 20 for records in (alike, unlike)]
        assert better * means[0] < better * means[1]


def test_the_sample_is_the_same_whatever_the_order() -> None:
    records = [clip(TEMPLATE.format(index), key=str(index)) for index in range(35)]
    groups = [[member.key for member in group] for group in sampled(Corpus.of(records))]
    assert groups == [[member.key for member in group] for group in sampled(Corpus.of(records[::-1]))]
    assert [len(group) for group in groups] == [10, 10, 10]


def test_bleu() -> None:
    assert bleu(["a", "b", "c", "d", "e"], [["a", "b", "c", "d", "e"]]) == pytest.approx(1)
    assert bleu(["a", "b", "c", "d", "e"], [["f", "g", "h", "i", "j"]]) < 0.2


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("A man walks through a sunlit forest.", {"subject", "action", "setting", "light"}),
        ("The camera moves left.", {"camera"}),
        ("The camera moves left, and a dog runs.", {"subject", "camera", "action"}),
        ("Cinematic close-up.", {"style", "camera"}),
        ("Dogs running.", {"subject", "action"}),
        ("", set()),
    ],
)
def test_aspects(text: str, mentioned: set[str]) -> None:
    assert aspects(text) == mentioned

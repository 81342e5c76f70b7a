"""How text becomes HTML and JSON.

python -m pytest tests/captioning/report/test_markup.py
"""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.report.markup import count_of, data_block, shown_value, tag


@given(st.text())
def test_any_text_comes_back_out_of_a_data_block_and_cannot_end_it(text: str) -> None:
    block = data_block("data", {"caption": text, text: [text]})
    inner = block.removeprefix('<script type="application/json" id="data">').removesuffix("</script>")
    assert not set(inner) & set("<>&\u2028\u2029")
    assert json.loads(inner) == {"caption": text, text: [text]}


def test_what_json_does_not_know_becomes_null() -> None:
    assert data_block("data", [math.nan, math.inf, 1.5]).endswith(">[null,null,1.5]</script>")


def test_attributes_are_escaped_and_may_be_left_out() -> None:
    made = tag("p", "<b>x</b>", class_='a"b', data_find="<", hidden=True, title=None, disabled=False)
    assert made == '<p class="a&quot;b" data-find="&lt;" hidden><b>x</b></p>'


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0, "share", "0 %"),
        (0.1234, "share", "12.3 %"),
        (0.00004, "share", "0.004 %"),
        (1.0, "share", "100 %"),
        (0.5, "score", "0.500"),
        (31.25, "words", "31.2"),
        (math.nan, "share", "–"),
        (None, "tokens", "–"),
    ],
)
def test_a_value_reads_as_people_write_it(value: float | None, unit: str, shown: str) -> None:
    assert shown_value(value, unit) == shown


def test_one_thing_and_many() -> None:
    assert (count_of(1, "clip"), count_of(10_000, "clip")) == ("1 clip", "10,000 clips")

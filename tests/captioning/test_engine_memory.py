"""What an engine needs is counted from published sizes, and the page says what is counted.

python -m pytest tests/captioning/test_engine_memory.py
"""

from pathlib import Path

import pytest

from captioning.engine_memory import RESERVE, SIZES, Sizes, table
from captioning.presets import PRESETS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gpu.md"


def test_a_token_is_a_key_and_a_value_per_layer_and_head_in_two_bytes() -> None:
    sizes = Sizes(parameters=1e9, layers=28, heads=4)
    assert sizes.per_token == 28 * 4 * 128 * 2 * 2
    assert sizes.weights == 2e9


def test_the_cache_is_what_weights_and_reserve_leave() -> None:
    sizes = Sizes(parameters=8e9, layers=32, heads=8)
    left = 24 * 0.9 * 2**30 - 16e9 - RESERVE
    assert sizes.tokens(24) == int(left // sizes.per_token)
    assert sizes.tokens(16) == 0, "the weights alone are larger"


def test_every_preset_has_its_sizes_and_fits_the_memory_that_it_names() -> None:
    assert set(SIZES) == {preset.name for preset in PRESETS}
    for preset in PRESETS:
        length = int(preset.engine["max_model_len"])
        assert SIZES[preset.name].tokens(preset.memory_gb) >= length, f"{preset.name}: not one whole question fits"


def test_the_page_shows_the_table_as_it_is_counted() -> None:
    text = PAGE.read_text()
    begin, end = text.index("<!-- engine memory"), text.index("<!-- end -->")
    assert text[begin:end].partition("-->\n")[2].strip() == table()


@pytest.mark.parametrize("setting", ["score.head_weights", "score.embedder_weights", "summarise.tokenizer"])
def test_what_a_refusal_sends_a_person_here_for_is_here(setting: str) -> None:
    assert setting in PAGE.read_text()

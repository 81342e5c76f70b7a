"""At equal size variant 4 is the cheapest, in the paper's form and in the text form."""

import pytest

from training.models.latte.config import PRESETS
from training.models.latte.variants import at_equal_parameters, compare_variants


@pytest.mark.parametrize(("name", "grid"), [("xl-2", (16, 16, 16)), ("debug", (5, 8, 8)), ("latte-1", (16, 32, 32))])
def test_variant_4_is_the_cheapest_at_equal_size(name: str, grid: tuple[int, int, int]) -> None:
    rows = compare_variants(PRESETS[name], grid)
    assert [row.variant for row in rows] == [1, 2, 3, 4]
    assert all(abs(row.parameters / rows[0].parameters - 1) < 0.03 for row in rows)
    assert rows[0].cost == rows[1].cost == 1
    assert rows[3].flops < min(row.flops for row in rows[:3])


def test_debug_presets_are_those_of_equal_size() -> None:
    for variant, name in enumerate(("debug", "debug-2", "debug-3", "debug-4"), start=1):
        assert at_equal_parameters(PRESETS["debug"], variant) == PRESETS[name]  # type: ignore[arg-type]

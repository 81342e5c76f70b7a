"""Fixed costs are told from work by two runs; noise makes neither negative, and nothing is lost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.planning.stages import amount_of, fit


def record(cpu: float, computed: int, workers: int = 2) -> dict[str, Any]:
    return {"cpu_seconds": cpu, "busy_seconds": 2 * cpu, "computed": computed, "workers": workers}


def test_the_models_of_each_worker_are_fixed_and_the_rest_is_work() -> None:
    """3 s per worker, and 0.5 s per still: 2 stills by 1 worker, then 100 by 2."""
    costs = fit({"embed": record(4.0, 2, workers=1)}, {"embed": record(56.0, 100)}, {"stills": (2.0, 100.0)})
    assert costs["embed"].fixed == pytest.approx(6.0)
    assert costs["embed"].work == pytest.approx(51.0)
    assert costs["embed"].busy_fixed == pytest.approx(12.0)


def test_without_a_short_run_all_is_work() -> None:
    costs = fit({}, {"embed": record(56.0, 100), "select": record(0.0, 0)}, {"stills": (0.0, 100.0)})
    assert (costs["embed"].fixed, costs["embed"].work) == (0.0, 56.0)
    assert "select" not in costs


@given(
    st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 100), st.floats(0, 1e6), st.integers(1, 8), st.integers(1, 64)
)
def test_noise_makes_no_cost_negative(
    early: float, late: float, few: float, many: float, workers: int, more: int
) -> None:
    cost = fit({"embed": record(early, 1, workers)}, {"embed": record(late, 1, more)}, {"stills": (few, many)})["embed"]
    assert cost.fixed >= 0
    assert cost.work >= -1e-6
    assert cost.fixed + cost.work <= early + late + 1e-6


def test_stages_work_on_amounts() -> None:
    assert amount_of("score text_area", {}) == "stills"
    assert amount_of("pack", {}) == "packed frames"
    assert amount_of("pack", {"encode": {}}) == "shipped bytes"
    assert amount_of("a stage of tomorrow", {}) == "clips"

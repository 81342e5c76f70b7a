"""What each stage of the sample's run cost, and which part of it grows with the bucket.

A stage's CPU time is `fixed * workers + rate * amount`: the models that each worker loads, and the work. Two runs
tell them apart: a short one of a few sources, and the one of the rest, into the same dataset. A stage's work is shared
among the sources by what it works on: frames for split, stills for embed, samples for summarise.

    costs = fit(short_record["stages"], record["stages"], amounts)      # amounts: {"stills": (6.0, 140.0), ...}
    costs["split"].fixed, costs["split"].work          # CPU seconds
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_AMOUNTS = {
    "ingest": "files",
    "split": "split frames",
    "embed": "stills",
    "label": "stills",
    "caption": "captioned stills",
    "overview": "planned samples",
    "summarise": "planned samples",
    "encode": "packed frames",
    "pack": "packed frames",
}
_OF_SCORES = "stills"


@dataclass(frozen=True, slots=True)
class StageCost:
    """CPU and busy seconds of a stage: `fixed` whatever the bucket is, and `work` of the whole sample."""

    fixed: float
    work: float
    busy_fixed: float
    busy_work: float


def amount_of(stage: str, stages: Mapping[str, Any]) -> str:
    """The column of `per_source` that a stage's work grows with."""
    if stage == "pack" and "encode" in stages:
        return "shipped bytes"
    return _AMOUNTS.get(stage, _OF_SCORES if stage.startswith("score ") else "clips")


def fit(
    short: Mapping[str, Any], rest: Mapping[str, Any], amounts: Mapping[str, tuple[float, float]]
) -> dict[str, StageCost]:
    """The costs of all stages that computed something, from the stage records of both runs.

    `amounts` are the sums of each column of `per_source` over the sources of the short run, and over the others.
    """
    costs = {}
    for name in rest:
        first, second = short.get(name, {}), rest[name]
        if not (first.get("computed") or second["computed"]):
            continue
        few, many = amounts[amount_of(name, rest)]
        fixed, work = _parts(first, second, "cpu_seconds", few, many)
        busy_fixed, busy_work = _parts(first, second, "busy_seconds", few, many)
        costs[name] = StageCost(fixed, work, busy_fixed, busy_work)
    return costs


def _parts(
    first: Mapping[str, Any], second: Mapping[str, Any], column: str, few: float, many: float
) -> tuple[float, float]:
    """Fixed seconds of one run, and the seconds of work in both."""
    spent_few, spent_many = first.get(column, 0.0), second[column]
    if not few or not many or not first.get("computed") or not second["computed"]:
        return 0.0, spent_few + spent_many
    workers_few, workers_many = max(first["workers"], 1), max(second["workers"], 1)
    # spent = fixed * workers + rate * amount, twice. Noise must neither make a rate negative nor a fixed cost.
    determinant = workers_few * many - workers_many * few
    fixed = (spent_few * many - spent_many * few) / determinant if determinant > 0 else 0.0
    fixed = min(max(fixed, 0.0), spent_few / workers_few, spent_many / workers_many)
    return fixed * workers_many, spent_few + spent_many - fixed * (workers_few + workers_many)

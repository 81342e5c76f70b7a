"""What rules would keep, computed from the stored measures: each rule alone, all in sequence, and per bucket.

The order is that of `select`: the rules, the training buckets, then near-duplicates as found by the last run (clips
that it had already dropped were not compared, so a few copies among those are unknown).

Clips stay in files: DuckDB counts them, and only the counts come here.

    funnel = make_funnel(connection, measured, rules, config, duplicates)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.readers.what_if.judged import Judged, fits, judge_clips, passes
from schemas.bucket import Bucket
from schemas.config import RunConfig
from schemas.rules import AnyRule, Rule

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """What remains at one step: the number of clips, their seconds, and the number of clips per bucket."""

    clips: int
    seconds: float
    buckets: Mapping[Bucket, int]

    @property
    def bucketed(self) -> int:
        """The number of clips that fit a bucket."""
        return sum(self.buckets.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One rule: as written, as comparisons, the yield alone and in sequence, and the clips that only it drops."""

    rule: AnyRule
    bounds: tuple[Rule, ...]
    alone: Yield
    after: Yield
    only: int

    @property
    def here(self) -> str:
        """The thresholds that a percentile resolves to, as text; empty for a plain comparison."""
        return " and ".join(f"{bound.comparison} {bound.threshold:.4g}" for bound in self.bounds if bound.is_resolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """From all measured clips to those that would be kept; `samples`: the number of samples of these, by bucket.

    `clips` can be read as long as the connection is open that the funnel was made with.
    """

    clips: Judged
    measured: Yield
    effects: Sequence[Effect]
    fitting: Yield
    kept: Yield
    samples: Mapping[Bucket, int]

    def steps(self) -> list[tuple[str, Yield]]:
        """The funnel from top to bottom."""
        rules = [(f"{number}  {effect.rule.text}", effect.after) for number, effect in enumerate(self.effects, 1)]
        return [("measured clips", self.measured), *rules, ("that a bucket holds", self.fitting),
                ("without near-duplicates", self.kept)]  # fmt: skip

    def columns(self) -> list[str]:
        """The columns that the rules use, without repetition."""
        return list(self.clips.columns)


def make_funnel(
    connection: "Connection",
    measured: "Relation",
    rules: Sequence[AnyRule],
    config: RunConfig,
    duplicates: "Relation",
) -> Funnel:
    """Apply the rules to the measured clips (see `judge_clips`); nothing is decoded or scored."""
    clips, bounds = judge_clips(connection, measured, rules, config, duplicates)
    places = range(len(rules))
    alone = [f"NOT dropped_{place}" for place in places]
    after = [passes(place + 1) for place in places]
    whole, fitting, kept, *of_rules = _yields(
        clips.rows, ["true", fits(len(rules)), "kept", *alone, *after], config.buckets()
    )
    only = _only(clips.rows, len(rules))
    effects = [
        Effect(rule=rule, bounds=bounds[place], alone=of_rules[place], after=of_rules[len(rules) + place],
               only=only[place])
        for place, rule in enumerate(rules)
    ]  # fmt: skip
    samples = _samples(clips.rows, config)
    return Funnel(clips=clips, measured=whole, effects=effects, fitting=fitting, kept=kept, samples=samples)


def _yields(rows: "Relation", conditions: Sequence[str], buckets: Sequence[Bucket]) -> list[Yield]:
    """What remains under each condition, counted in one pass."""
    cells = [
        f"count(*) FILTER (WHERE {condition}) AS clips_{place},"
        f" coalesce(fsum(seconds) FILTER (WHERE {condition}), 0) AS seconds_{place}"
        for place, condition in enumerate(conditions)
    ]
    counted = sorted(rows.aggregate(", ".join(["bucket", *cells]), "bucket").fetchall())
    yields = []
    for place in range(len(conditions)):
        column = 1 + 2 * place
        held = {buckets[row[0]]: row[column] for row in counted if row[0] >= 0 and row[column]}
        clips, seconds = sum(row[column] for row in counted), math.fsum(row[column + 1] for row in counted)
        yields.append(Yield(clips=clips, seconds=seconds, buckets=held))
    return yields


def _only(rows: "Relation", rules: int) -> list[int]:
    """For each rule the number of clips that no other one drops."""
    if not rules:
        return []
    times = " + ".join(f"dropped_{place}::INTEGER" for place in range(rules))
    cells = [f"count(*) FILTER (WHERE dropped_{place}) AS only_{place}" for place in range(rules)]
    return list(rows.filter(f"{times} = 1").aggregate(", ".join(cells)).fetchall()[0])


def _samples(rows: "Relation", config: RunConfig) -> dict[Bucket, int]:
    buckets = config.buckets()
    cell = f"sum(least(samples, {config.pack.max_samples_per_clip})) AS samples"
    counted = rows.filter("kept").aggregate(f"bucket, {cell}", "bucket").fetchall()
    return {buckets[place]: int(samples) for place, samples in sorted(counted)}


def format_duration(seconds: float) -> str:
    """A duration in hours, minutes or seconds, whichever suits its size."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"

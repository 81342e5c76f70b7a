"""What rules would keep, worked out from the stored measures: every rule alone, one after another, and per bucket.

The order is that of `select`: the rules, the training buckets, then near-duplicates as the last run found them (clips
that it had already dropped were not compared, so a few copies among those are not known).

    just what-if datasets/demo "aesthetic in top 20%"
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.stage import Row
from pipeline.stages.select.select import shape_of, value_of
from schemas.bucket import Assignment, Bucket, assign
from schemas.config import RunConfig
from schemas.rules import AnyRule, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """What is left at one point: clips, their seconds, and how many of them go to each bucket."""

    clips: int
    seconds: float
    buckets: Mapping[Bucket, int]

    @property
    def bucketed(self) -> int:
        """Clips that a bucket holds."""
        return sum(self.buckets.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One rule: as written, as comparisons, alone, after all before it, and how many clips no other rule drops."""

    rule: AnyRule
    bounds: tuple[Rule, ...]
    alone: Yield
    after: Yield
    only: int

    @property
    def here(self) -> str:
        """The numbers that a percentile means here, as text; empty for a plain comparison."""
        return " and ".join(f"{one.comparison} {one.threshold:.4g}" for one in self.bounds if one.is_resolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """From all measured clips to those that would be kept; `samples` are what these give, by bucket."""

    clips: Sequence[Row]
    measured: Yield
    effects: Sequence[Effect]
    fitting: Yield
    kept: Yield
    kept_ids: frozenset[str]
    samples: Mapping[Bucket, int]

    def steps(self) -> list[tuple[str, Yield]]:
        """The funnel from top to bottom."""
        rules = [(f"{place}  {one.rule.text}", one.after) for place, one in enumerate(self.effects, 1)]
        return [("measured clips", self.measured), *rules, ("that a bucket holds", self.fitting),
                ("without near-duplicates", self.kept)]  # fmt: skip

    def columns(self) -> list[str]:
        """The columns that the rules look at, each once."""
        return list(dict.fromkeys(one.rule.column for one in self.effects))


def make_funnel(
    clips: Sequence[Row], rules: Sequence[AnyRule], config: RunConfig, duplicate_of: Mapping[str, str]
) -> Funnel:
    """Put the measured clips (rows with every measure) through the rules; nothing is decoded or scored."""
    buckets = config.buckets()
    fits: dict[str, Assignment] = {}
    for clip in clips:
        found = assign(shape_of(clip), buckets, config.pack.allow_upscale)
        if not isinstance(found, str):
            fits[clip["clip_id"]] = found
    bounds = [rule.resolve(value_of(clip, rule.column) for clip in clips) for rule in rules]
    dropped = [
        {clip["clip_id"] for clip in clips if not _passes(clip, one)} for one in bounds
    ]  # by rule, so that unions and differences say the rest
    times_dropped = Counter(key for one in dropped for key in one)
    gone: set[str] = set()
    effects = []
    for rule, found_bounds, one in zip(rules, bounds, dropped, strict=True):
        gone |= one
        effects.append(
            Effect(
                rule=rule,
                bounds=found_bounds,
                alone=_yield([clip for clip in clips if clip["clip_id"] not in one], fits),
                after=_yield([clip for clip in clips if clip["clip_id"] not in gone], fits),
                only=sum(times_dropped[key] == 1 for key in one),
            )
        )
    fitting = [clip for clip in clips if clip["clip_id"] not in gone and clip["clip_id"] in fits]
    kept = without_copies(fitting, duplicate_of)
    samples: Counter[Bucket] = Counter()
    for clip in kept:
        found = fits[clip["clip_id"]]
        samples[found.bucket] += min(found.samples, config.pack.max_samples_per_clip)
    return Funnel(
        clips=clips,
        measured=_yield(clips, fits),
        effects=effects,
        fitting=_yield(fitting, fits),
        kept=_yield(kept, fits),
        kept_ids=frozenset(clip["clip_id"] for clip in kept),
        samples=samples,
    )


def without_copies(clips: Sequence[Row], duplicate_of: Mapping[str, str]) -> list[Row]:
    """One clip of each group of near-duplicates: the one that the last run kept, or the first where it is gone."""
    present = {clip["clip_id"] for clip in clips}
    seen: set[str] = set()
    kept = []
    for clip in clips:
        original = duplicate_of.get(clip["clip_id"])
        if original is not None and (original in present or original in seen):
            continue
        if original is not None:
            seen.add(original)
        kept.append(clip)
    return kept


def _passes(clip: Row, bounds: Sequence[Rule]) -> bool:
    return all(rule.passes(value_of(clip, rule.column)) for rule in bounds)


def _yield(clips: Sequence[Row], fits: Mapping[str, Assignment]) -> Yield:
    buckets = Counter(fits[clip["clip_id"]].bucket for clip in clips if clip["clip_id"] in fits)
    return Yield(clips=len(clips), seconds=sum(clip["duration"] for clip in clips), buckets=buckets)


def shown_time(seconds: float) -> str:
    """Hours, or minutes or seconds where hours would round to nothing."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"

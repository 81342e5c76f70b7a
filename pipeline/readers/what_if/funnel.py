"""What rules would keep, computed from the stored measures: each rule alone, all in sequence, and per bucket.

The order is that of `select`: the rules, the training buckets, then near-duplicates as found by the last run (clips
that it had already dropped were not compared, so a few copies among those are unknown).

    funnel = make_funnel(clips, rules, config, duplicate_of)
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.stage import Row
from pipeline.stages.select.measured import value_of
from schemas.bucket import Assignment, Bucket, Shape, assign
from schemas.config import RunConfig
from schemas.rules import AnyRule, Rule


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
    """From all measured clips to those that would be kept; `samples`: the number of samples of these, by bucket."""

    clips: Sequence[Row]
    measured: Yield
    effects: Sequence[Effect]
    fitting: Yield
    kept: Yield
    kept_ids: frozenset[str]
    samples: Mapping[Bucket, int]

    def steps(self) -> list[tuple[str, Yield]]:
        """The funnel from top to bottom."""
        rules = [(f"{number}  {effect.rule.text}", effect.after) for number, effect in enumerate(self.effects, 1)]
        return [("measured clips", self.measured), *rules, ("that a bucket holds", self.fitting),
                ("without near-duplicates", self.kept)]  # fmt: skip

    def columns(self) -> list[str]:
        """The columns that the rules use, without repetition."""
        return list(dict.fromkeys(effect.rule.column for effect in self.effects))


def make_funnel(
    clips: Sequence[Row], rules: Sequence[AnyRule], config: RunConfig, duplicate_of: Mapping[str, str]
) -> Funnel:
    """Apply the rules to the measured clips (rows with every measure); nothing is decoded or scored."""
    buckets = config.buckets()
    fits: dict[str, Assignment] = {}
    for clip in clips:
        assignment = assign(shape_of(clip), buckets, config.pack.allow_upscale)
        if not isinstance(assignment, str):
            fits[clip["clip_id"]] = assignment
    bounds = [rule.resolve(value_of(clip, rule.column) for clip in clips) for rule in rules]
    dropped = [
        {clip["clip_id"] for clip in clips if not _passes(clip, bound)} for bound in bounds
    ]  # by rule, so that unions and differences say the rest
    times_dropped = Counter(key for clip_ids in dropped for key in clip_ids)
    dropped_before: set[str] = set()
    effects = []
    for rule, found_bounds, clip_ids in zip(rules, bounds, dropped, strict=True):
        dropped_before |= clip_ids
        effects.append(
            Effect(
                rule=rule,
                bounds=found_bounds,
                alone=_yield([clip for clip in clips if clip["clip_id"] not in clip_ids], fits),
                after=_yield([clip for clip in clips if clip["clip_id"] not in dropped_before], fits),
                only=sum(times_dropped[key] == 1 for key in clip_ids),
            )
        )
    fitting = [clip for clip in clips if clip["clip_id"] not in dropped_before and clip["clip_id"] in fits]
    kept = without_copies(fitting, duplicate_of)
    samples: Counter[Bucket] = Counter()
    for clip in kept:
        assignment = fits[clip["clip_id"]]
        samples[assignment.bucket] += min(assignment.samples, config.pack.max_samples_per_clip)
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
    """One clip of each group of near-duplicates: the one that the last run kept, or else the first."""
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


def shape_of(clip: Row) -> Shape:
    """What the bucket rule looks at, of a row of the clips table: bars do not count as picture."""
    return Shape(
        width=clip["crop_width"],
        height=clip["crop_height"],
        duration=clip["duration"],
        fps=clip["fps"],
        is_image=clip["kind"] == "image",
    )


def _passes(clip: Row, bounds: Sequence[Rule]) -> bool:
    return all(rule.passes(value_of(clip, rule.column)) for rule in bounds)


def _yield(clips: Sequence[Row], fits: Mapping[str, Assignment]) -> Yield:
    buckets = Counter(fits[clip["clip_id"]].bucket for clip in clips if clip["clip_id"] in fits)
    return Yield(clips=len(clips), seconds=sum(clip["duration"] for clip in clips), buckets=buckets)


def format_duration(seconds: float) -> str:
    """A duration in hours, minutes or seconds, whichever suits its size."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"

"""Selects the samples that a stage trains, their shapes there, and records the reason for every excluded sample.

Rules are those of selection (`aesthetic in top 20%`), over the scores in the shard index; a percentile is resolved
among the samples of the train split, for validation too. Every excluded sample is counted in `exclusions`.

    rules = resolve_rules(stage.rules, train)
    selection = select(train, stage, geometry, rules)
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError, RuleError
from schemas.rules import AnyRule, PercentileRule, Rule, parse_rule
from training.config import StageConfig
from training.data.index import SampleIndex
from training.data.shapes import ClipShape, Geometry, Limits, limit

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """The number of a bucket's samples that a stage does not train for one reason."""

    bucket: str
    reason: str
    samples: int


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The samples of a stage: `rows` of the index in its order, and the shape of each bucket's samples.

    `shapes` and `lengths` (tokens of a segment, text included) are indexed by bucket code. `weights` [rows] is how
    often each row is trained per epoch.
    """

    index: SampleIndex
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]
    shapes: tuple[ClipShape, ...]
    lengths: NDArray[np.int64]
    exclusions: tuple[Exclusion, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def row_lengths(self) -> NDArray[np.int64]:
        """Tokens of every row's segment, int64 [rows]."""
        return self.lengths[self.index.bucket[self.rows]]

    @property
    def row_images(self) -> Flags:
        """Which rows are images, or clips shortened to one frame: bool [rows]."""
        images = np.array([shape.frames == 1 for shape in self.shapes], bool)
        return images[self.index.bucket[self.rows]]


def resolve_rules(texts: Sequence[str], train: SampleIndex) -> tuple[Rule, ...]:
    """The rules with percentiles as numbers. Raises `RuleError` for a column that the dataset's index lacks."""
    rules = [parse_rule(text) for text in texts]
    if not rules:
        return ()
    numbers, categories = train.score_names()
    for rule in rules:
        _check_column(rule, numbers, categories, train.uri)
    values = train.scores([rule.column for rule in rules if isinstance(rule, PercentileRule)])
    resolved: list[Rule] = []
    for rule in rules:
        if isinstance(rule, PercentileRule):
            column = values[rule.column]
            # Sorted here by NumPy, so that the rule's own sort of many millions of values is a single pass.
            resolved += rule.resolve(np.sort(column[~np.isnan(column)]).tolist())
        else:
            resolved.append(rule)
    return tuple(resolved)


def _check_column(rule: AnyRule, numbers: frozenset[str], words: frozenset[str], uri: str) -> None:
    if not numbers | words:
        raise RuleError(
            f"rule {rule.text!r}: the shard index of {uri} holds no scores; run `just curate` again, which writes them"
        )
    rule.check_column(numbers | words, words)


def select(
    index: SampleIndex,
    stage: StageConfig,
    geometry: Geometry,
    rules: Sequence[Rule],
    source_weights: Mapping[str, float] | None = None,
) -> Selection:
    """The samples of the index that the stage trains, under rules that `resolve_rules` made from the train split."""
    limits = Limits(short_side=stage.short_side, max_seconds=stage.max_seconds)
    shapes = tuple(limit(bucket, limits) for bucket in index.buckets)
    lengths = np.array([geometry.tokens(shape) for shape in shapes], np.int64)
    weights = _weights(index, source_weights or {})
    kept = np.ones(len(index), bool)
    exclusions: list[Exclusion] = []

    def keep(passes: Flags, reason: str) -> None:
        nonlocal kept
        exclusions.extend(_count(index, kept & ~passes, reason))
        kept = kept & passes

    for rule, passes in zip(rules, _evaluate(index, rules), strict=True):
        keep(passes, f"rule {rule.text}" + (f" (here {rule.comparison} {rule.threshold:.6g})"
                                            if rule.is_resolved else ""))  # fmt: skip
    keep(weights > 0, "weight 0 in data.source_weights")
    if stage.image_share in (0, 1):
        images = np.array([shape.frames == 1 for shape in shapes], bool)[index.bucket]
        keep(images == bool(stage.image_share), f"image_share is {stage.image_share:g}")
    for code in np.flatnonzero(lengths > stage.pack_length):
        here = kept & (index.bucket == code)
        if here.any():
            sample = index.sample_ids[int(np.argmax(here))].as_py()
            reason = (
                f"{lengths[code]} tokens at {shapes[code]} do not fit into a pack of {stage.pack_length} (sample "
                f"{sample}); set pack_length to at least {lengths[code]}"
            )
            keep(~here, reason)
    rows = np.flatnonzero(kept)
    return Selection(index, rows, weights[rows], shapes, lengths, tuple(exclusions))


def require_samples(selection: Selection, stage: StageConfig) -> None:
    """Raise `ConfigError`, with the reasons of all exclusions, if the stage has nothing to train."""
    if len(selection):
        return
    lines = [f"  {excluded.samples} of {excluded.bucket}: {excluded.reason}" for excluded in selection.exclusions]
    raise ConfigError("\n".join([
        f"stage {stage.name}: no sample is left of {len(selection.index)} in the {selection.index.split} split of "
        f"{selection.index.uri}", *lines,
    ]))  # fmt: skip


def _evaluate(index: SampleIndex, rules: Sequence[Rule]) -> list[Flags]:
    scores = index.scores([rule.column for rule in rules if not isinstance(rule.threshold, str)])
    categories = index.categories([rule.column for rule in rules if isinstance(rule.threshold, str)])
    flags: list[Flags] = []
    for rule in rules:
        if isinstance(rule.threshold, str):
            codes, table = categories[rule.column]
            # Code -1 picks the last element: a sample without the word passes.
            flags.append(np.array([*(rule.passes(word) for word in table), True], bool)[codes])
        else:
            flags.append(rule.compare(scores[rule.column]))
    return flags


def _count(index: SampleIndex, excluded: Flags, reason: str) -> list[Exclusion]:
    counts = np.bincount(index.bucket[excluded], minlength=len(index.buckets))
    return [Exclusion(str(index.buckets[code]), reason, int(counts[code])) for code in np.flatnonzero(counts)]


def _weights(index: SampleIndex, source_weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Weight of every row: that of the first glob that matches its source's key or id, 1 if none does."""
    if not source_weights:
        return np.ones(len(index))
    used: Counter[str] = Counter()
    of_video = np.ones(len(index.videos))
    for code, (source, video) in enumerate(zip(index.sources.to_pylist(), index.videos.to_pylist(), strict=True)):
        for glob, weight in source_weights.items():
            if fnmatchcase(source, glob) or fnmatchcase(video, glob):
                used[glob] += 1
                of_video[code] = weight
                break
    for glob, weight in source_weights.items():
        if weight < 0:
            raise ConfigError(f"data.source_weights: {glob!r} has weight {weight}; it must be 0 or more")
        if not used[glob]:
            known = ", ".join(index.sources.slice(0, 3).to_pylist())
            raise ConfigError(f"data.source_weights: {glob!r} is no source's first match; sources are {known}, ...")
    return of_video[index.video]

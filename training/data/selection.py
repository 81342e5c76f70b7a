"""Which samples of the index a stage trains, what each becomes there, and what is left out for which reason.

Rules are those of selection (`aesthetic in top 20%`), over the scores in the shard index; a percentile is resolved
among the samples of the train split, also where validation is selected. Nothing is dropped without a line in `losses`.

    python -m pytest tests/training/data/test_selection.py
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
class Loss:
    """Samples of a bucket that a stage does not train, and why."""

    bucket: str
    reason: str
    samples: int


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The samples of a stage: `rows` of the index in its order, and what each bucket's samples become.

    `shapes` and `lengths` (tokens of a segment, text included) stand by bucket code; `weights` by row: how often per
    epoch it is trained.
    """

    index: SampleIndex
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]
    shapes: tuple[ClipShape, ...]
    lengths: NDArray[np.int64]
    losses: tuple[Loss, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def row_lengths(self) -> NDArray[np.int64]:
        """Tokens of every row's segment."""
        return self.lengths[self.index.bucket[self.rows]]

    @property
    def row_images(self) -> Flags:
        """Which rows are single pictures, or become them."""
        images = np.array([shape.frames == 1 for shape in self.shapes], bool)
        return images[self.index.bucket[self.rows]]


def resolve_rules(texts: Sequence[str], train: SampleIndex) -> tuple[Rule, ...]:
    """The rules with percentiles as numbers. Raises `RuleError` for a column that the dataset's index does not hold."""
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
            # Sorted beforehand, which makes the rule's own sorting of many millions a single pass.
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
    """What the stage trains of the index, under rules that `resolve_rules` made from the train split."""
    limits = Limits(short_side=stage.short_side, max_seconds=stage.max_seconds)
    shapes = tuple(limit(bucket, limits) for bucket in index.buckets)
    lengths = np.array([geometry.tokens(shape) for shape in shapes], np.int64)
    weights = _weights(index, source_weights or {})
    kept = np.ones(len(index), bool)
    losses: list[Loss] = []

    def leave_out(passes: Flags, reason: str) -> None:
        nonlocal kept
        losses.extend(_count(index, kept & ~passes, reason))
        kept = kept & passes

    for rule, passes in zip(rules, _judge(index, rules), strict=True):
        leave_out(passes, f"rule {rule.text}" + (f" (here {rule.comparison} {rule.threshold:.6g})"
                                                 if rule.is_resolved else ""))  # fmt: skip
    leave_out(weights > 0, "weight 0 in data.source_weights")
    if stage.image_share in (0, 1):
        images = np.array([shape.frames == 1 for shape in shapes], bool)[index.bucket]
        leave_out(images == bool(stage.image_share), f"image_share is {stage.image_share:g}")
    for code in np.flatnonzero(lengths > stage.pack_length):
        here = kept & (index.bucket == code)
        if here.any():
            sample = index.sample_ids[int(np.argmax(here))].as_py()
            reason = (
                f"{lengths[code]} tokens as {shapes[code]} do not fit into a pack of {stage.pack_length} (sample "
                f"{sample}); the smallest pack_length that holds it is {lengths[code]}"
            )
            leave_out(~here, reason)
    rows = np.flatnonzero(kept)
    return Selection(index, rows, weights[rows], shapes, lengths, tuple(losses))


def require_samples(selection: Selection, stage: StageConfig) -> None:
    """Raise `ConfigError`, with what took the samples away, if the stage has nothing to train."""
    if len(selection):
        return
    lines = [f"  {loss.samples} of {loss.bucket}: {loss.reason}" for loss in selection.losses]
    raise ConfigError("\n".join([
        f"stage {stage.name}: no sample is left of {len(selection.index)} in the {selection.index.split} split of "
        f"{selection.index.uri}", *lines,
    ]))  # fmt: skip


def _judge(index: SampleIndex, rules: Sequence[Rule]) -> list[Flags]:
    scores = index.scores([rule.column for rule in rules if not isinstance(rule.threshold, str)])
    categories = index.categories([rule.column for rule in rules if isinstance(rule.threshold, str)])
    found: list[Flags] = []
    for rule in rules:
        if isinstance(rule.threshold, str):
            codes, table = categories[rule.column]
            # The last place answers for -1: a sample without the word passes.
            found.append(np.array([*(rule.passes(word) for word in table), True], bool)[codes])
        else:
            found.append(rule.compare(scores[rule.column]))
    return found


def _count(index: SampleIndex, lost: Flags, reason: str) -> list[Loss]:
    counts = np.bincount(index.bucket[lost], minlength=len(index.buckets))
    return [Loss(str(index.buckets[code]), reason, int(counts[code])) for code in np.flatnonzero(counts)]


def _weights(index: SampleIndex, given: Mapping[str, float]) -> NDArray[np.float64]:
    """Weight of every row; the first glob that matches a source's key (or its id) counts."""
    if not given:
        return np.ones(len(index))
    used: Counter[str] = Counter()
    of_video = np.ones(len(index.videos))
    for code, (source, video) in enumerate(zip(index.sources.to_pylist(), index.videos.to_pylist(), strict=True)):
        for glob, weight in given.items():
            if fnmatchcase(source, glob) or fnmatchcase(video, glob):
                used[glob] += 1
                of_video[code] = weight
                break
    for glob, weight in given.items():
        if weight < 0:
            raise ConfigError(f"data.source_weights: {glob!r} has weight {weight}; write 0 or more")
        if not used[glob]:
            known = ", ".join(index.sources.slice(0, 3).to_pylist())
            raise ConfigError(f"data.source_weights: {glob!r} is the first match of no source; they look like {known}")
    return of_video[index.video]

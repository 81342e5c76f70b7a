"""The plan of shards as it was made in memory, over columns of numbers: the reference for the one that DuckDB makes.

plan = plan_shards(committed, wanted, seed=0, samples_per_shard=256)
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, filterfalse

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.ids import digest

_NAME = re.compile(r"-(\d+)(?:-(\d+))?\.tar$")
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ShardPlan:
    """Which rows of the index stay (`kept`), and the shards to write: `names`, with `samples[starts[n]:starts[n + 1]]`.

    `samples` are row numbers of the wanted samples in the order of the shard, `order` their keys in the shuffle.
    """

    kept: Indices
    names: tuple[str, ...]
    starts: Indices
    samples: Indices
    order: NDArray[np.uint64]


def shuffle_keys(sample_ids: pa.ChunkedArray, seed: int) -> NDArray[np.uint64]:
    """The place of each sample in the shuffle over all sources: a hash of the seed and its id."""
    keys = (int(digest("order", seed, key), 16) for key in sample_ids.to_pylist())
    return np.fromiter(keys, np.uint64, len(sample_ids))


def plan_shards(
    committed: pa.Table,
    wanted: pa.Table,
    seed: int,
    samples_per_shard: int,
    lost: Collection[str] = (),
    afresh: bool = False,
) -> ShardPlan:
    """Plan the shards. `committed` (COMMITTED), `wanted` (WANTED, sorted by id); `lost`: shards without all bytes."""
    before, row_of = _Committed(committed, lost), _rows_in(committed["sample_id"], wanted["sample_id"])
    here = np.flatnonzero(row_of >= 0)
    same_group, same = np.zeros(len(wanted), bool), np.zeros(len(wanted), bool)
    same_group[here] = _equal(committed, wanted, row_of, here, ("group",))
    same[here] = same_group[here] & _equal(committed, wanted, row_of, here, ("pixels", "description"))
    if afresh:
        order = shuffle_keys(wanted["sample_id"], seed)
        chunks = _chunks(wanted, np.arange(len(wanted)), order, samples_per_shard)
        stays = [chunk for chunk in chunks if before.has_shard(chunk, row_of, same)]
        rest = [chunk for chunk in chunks if not before.has_shard(chunk, row_of, same)]
        kept = np.concatenate([row_of[chunk] for chunk in stays]) if stays else np.zeros(0, np.int64)
        names = _names(wanted, rest, before.numbers, from_the_end=False)
        return _plan(kept, names, rest, order)
    whole = before.whole(row_of[same])
    stays_here = same.copy()
    stays_here[same] = whole[before.shard[row_of[same]]]
    moved = np.flatnonzero(same_group & ~stays_here)
    new = np.flatnonzero(~same_group)
    order = np.zeros(len(wanted), np.uint64)
    order[moved] = before.order[row_of[moved]]
    order[new] = shuffle_keys(wanted["sample_id"].take(pa.array(new)), seed)
    rest = [*before.by_shard(moved, row_of), *_chunks(wanted, new, order, samples_per_shard)]
    return _plan(row_of[stays_here], _names(wanted, rest, before.numbers, from_the_end=True), rest, order)


class _Committed:
    """The index as columns of numbers, and the numbers that its shards have in each group."""

    def __init__(self, committed: pa.Table, lost: Collection[str]) -> None:
        encoded = committed["shard"].combine_chunks().dictionary_encode()
        self.names: list[str] = encoded.dictionary.to_pylist()
        self.shard = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        self.offset = committed["offset"].to_numpy()
        self.order = pc.fill_null(committed["order"], 0).to_numpy()
        self.lost = np.array([name in set(lost) for name in self.names], bool)
        self.numbers: dict[str, set[int]] = {}
        parsed = [(name[: found.start()], int(found[1]), int(found[2] or 0)) for name in self.names
                  if (found := _NAME.search(name))]  # fmt: skip
        assert len(parsed) == len(self.names), "every shard has a number"
        for group, number, _ in parsed:
            self.numbers.setdefault(group, set()).add(number)
        # Shards of one number were planned as one and divided by size.
        self.base = np.unique([f"{group}-{number}" for group, number, _ in parsed], return_inverse=True)[1]
        self.piece = np.array([piece for *_, piece in parsed], np.int64)
        self.base_rows = np.bincount(self.base[self.shard], minlength=len(self.names)) if len(parsed) else self.piece

    def whole(self, kept: Indices) -> NDArray[np.bool_]:
        """Of each shard whether all of its rows are among `kept`, and none of its bytes is lost."""
        counts = np.bincount(self.shard, minlength=len(self.names))
        stays: NDArray[np.bool_] = (np.bincount(self.shard[kept], minlength=len(self.names)) == counts) & ~self.lost
        return stays

    def by_shard(self, samples: Indices, row_of: Indices) -> Iterator[Indices]:
        """Wanted `samples` by the shard that they are in, in the shuffle's order."""
        rows = row_of[samples]
        ordered = samples[np.lexsort((samples, self.order[rows], self.shard[rows]))]
        edges = np.flatnonzero(np.diff(self.shard[row_of[ordered]])) + 1
        return iter(sorted(np.split(ordered, edges), key=lambda group: self.names[self.shard[row_of[group[0]]]])
                    if len(ordered) else ())  # fmt: skip

    def has_shard(self, chunk: Indices, row_of: Indices, same: NDArray[np.bool_]) -> bool:
        """Whether exactly these samples are in one shard already, as they are wanted and in this order."""
        if not same[chunk].all():
            return False
        rows = row_of[chunk]
        shards = self.shard[rows]
        base = self.base[shards]
        place = np.lexsort((self.offset[rows], self.piece[shards]))
        return bool(
            (base == base[0]).all()
            and self.base_rows[base[0]] == len(chunk)
            and (place == np.arange(len(chunk))).all()
            and not self.lost[shards].any()
        )


def _rows_in(ids: pa.ChunkedArray, wanted: pa.ChunkedArray) -> Indices:
    """The row in `ids` of each wanted id; -1 where there is none."""
    places = pc.index_in(wanted, value_set=ids.combine_chunks() if len(ids) else pa.array([], pa.string()))
    return np.asarray(pc.fill_null(places, -1).to_numpy(), np.int64)


def _equal(
    committed: pa.Table, wanted: pa.Table, row_of: Indices, here: Indices, names: Sequence[str]
) -> NDArray[np.bool_]:
    """Of the wanted rows `here` whether all these columns are as in the index; a null in the index is never equal."""
    alike = np.ones(len(here), bool)
    for name in names:
        values = pc.equal(wanted[name].take(pa.array(here)), committed[name].take(pa.array(row_of[here])))
        alike &= pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return alike


def _chunks(wanted: pa.Table, samples: Indices, order: NDArray[np.uint64], samples_per_shard: int) -> list[Indices]:
    """These wanted samples in shuffled shards of each group, group by group."""
    if not len(samples):
        return []
    names, codes = np.unique(
        wanted["group"].take(pa.array(samples)).to_numpy(zero_copy_only=False), return_inverse=True
    )
    ordered = samples[np.lexsort((order[samples], codes))]
    groups = np.split(ordered, np.cumsum(np.bincount(codes, minlength=len(names)))[:-1])
    return [
        group[first : first + samples_per_shard]
        for group in groups
        for first in range(0, len(group), samples_per_shard)
    ]


def _names(
    wanted: pa.Table, chunks: Sequence[Indices], used: dict[str, set[int]], from_the_end: bool
) -> tuple[str, ...]:
    """A name for each shard, with a number that no shard of the index has: beyond them, or the first that is free."""
    groups = wanted["group"].take(pa.array([int(chunk[0]) for chunk in chunks], pa.int64())).to_pylist()
    numbers: dict[str, Iterator[int]] = {}
    for group in groups:
        taken = used.get(group, set())
        first = max(taken, default=-1) + 1 if from_the_end else 0
        # The former planner lacked `taken=taken`: it left out the numbers of the last group instead of those of each.
        numbers.setdefault(group, filterfalse(taken.__contains__, count(first)))
    return tuple(f"{group}-{next(numbers[group]):06d}.tar" for group in groups)


def _plan(kept: Indices, names: tuple[str, ...], chunks: Sequence[Indices], order: NDArray[np.uint64]) -> ShardPlan:
    samples = np.concatenate(chunks) if chunks else np.zeros(0, np.int64)
    starts = np.concatenate([[0], np.cumsum([len(chunk) for chunk in chunks])]).astype(np.int64)
    return ShardPlan(np.sort(kept), names, starts, samples, order[samples])

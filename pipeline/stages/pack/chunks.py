"""Divides a sorted stream of samples into the shards to write, and gives these names that no shard has.

chunks = Chunks(samples_per_shard)
chunked = chunks.spool(connection, samples.order('"group", "order", sample_id'), "group")
names = free_names(chunks.groups, there, from_the_end=True)
"""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

CHUNKED = pa.schema([("sample_id", pa.string()), ("order", pa.uint64()), ("chunk", pa.int64())])
_NAME = re.compile(r"-(\d+)(?:-\d+)?\.tar$")


class Chunks:
    """Chunks of rows, numbered over all streams: neighbours of equal key, at most `most` (None: all of them).

    `groups` are the groups of the chunks.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self.groups: list[str] = []
        self._key: str | None = None
        self._length = 0

    def spool(self, connection: "Connection", rows: "Relation", key: str) -> "Relation":
        """The rows (`sample_id`, `group`, `order` and the key) of a sorted relation with their `chunk` (CHUNKED)."""
        from pipeline.dataset.query import batches, spooled

        self._key = None
        return spooled(connection, CHUNKED, (self.divide(table, key) for table in batches(rows)))

    def divide(self, rows: pa.Table, key: str) -> pa.Table:
        """The next rows of a stream with their `chunk`."""
        if not len(rows):
            return CHUNKED.empty_table()
        keys = rows[key].combine_chunks()
        differs = np.ones(len(rows), bool)
        differs[0] = keys[0].as_py() != self._key
        differs[1:] = pc.not_equal(keys[1:], keys[:-1]).to_numpy(zero_copy_only=False)
        places = np.arange(len(rows))
        since = np.maximum.accumulate(np.where(differs, places, -1))
        position = np.where(since >= 0, places - since, places + self._length)
        begins = differs if self.most is None else position % self.most == 0
        chunk = len(self.groups) - 1 + np.cumsum(begins)
        self.groups += rows["group"].filter(pa.array(begins)).to_pylist()
        self._key, self._length = keys[-1].as_py(), int(position[-1]) + 1
        return pa.table([rows["sample_id"], rows["order"], pa.array(chunk)], schema=CHUNKED)


def free_names(groups: Sequence[str], there: Collection[str], from_the_end: bool) -> list[str]:
    """A name for a shard of each group, with a number that no shard has: beyond them, or the first that is free."""
    used: dict[str, set[int]] = {}
    for name in there:
        found = _NAME.search(name)
        assert found, f"shard {name} has a number"
        used.setdefault(name[: found.start()], set()).add(int(found[1]))
    numbers: dict[str, Iterator[int]] = {}
    for group in groups:
        if group not in numbers:
            taken = used.get(group, set())
            numbers[group] = _free(taken, max(taken, default=-1) + 1 if from_the_end else 0)
    return [f"{group}-{next(numbers[group]):06d}.tar" for group in groups]


def _free(taken: Collection[int], first: int) -> Iterator[int]:
    return (number for number in count(first) if number not in taken)

"""Slices: the sources of a bucket in lots of about a thousand, each assigned once and remembered for good.

A slice is the unit in which tables are kept: what a stage makes of its sources, and of their clips, stills and samples,
is one file per table and slice once it is complete (`pipeline.dataset.slice_files`). New sources fill the last slice,
then new ones; a source keeps its slice when its content changes or when it is gone for a while. So a run looks only
into the slices in which something changed, and the number of files depends on the sources, not on the runs.

    .slices/sources-000000.parquet        key, slice: what the first run listed; later runs add files

    slices = Slices.assigned(dataset.store, listing["key"], size=1000)
    slices.of_keys(listing["key"])        # slice-000000, ...
"""

import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.storage.store import Store

FOLDER = ".slices"
WHOLE = ""
"""The name of the only slice of a table that is not divided."""
_SCHEMA = pa.schema([("key", pa.string()), ("slice", pa.int32())])


@dataclass(frozen=True, slots=True)
class SliceOf:
    """The slices of ids: of sources, and of what was made of them."""

    sources: pa.Array
    slices: pa.Array
    """The slice's number for each source."""

    def __call__(self, ids: pa.ChunkedArray | pa.Array) -> pa.Array:
        """The name of each id's slice (string). Every id must be of a known source."""
        videos = pc.list_element(pc.split_pattern(ids, "-", max_splits=1), 0)
        numbers = self.slices.take(_one(pc.index_in(videos, value_set=self.sources)))
        assert not numbers.null_count, "an id is of no known source"
        return _names(numbers)

    @property
    def table(self) -> pa.Table:
        """The slice's number of each source: `video_id`, `slice`."""
        return pa.table({"video_id": self.sources, "slice": self.slices})


@dataclass(frozen=True, slots=True)
class Slices:
    """The slice of every source that was ever listed, by its key in the bucket."""

    table: pa.Table

    @classmethod
    def read(cls, store: Store) -> "Slices":
        """What earlier runs assigned."""
        tables = [pq.read_table(io.BytesIO(store.read(name))) for name in store.names(FOLDER) if _is_manifest(name)]
        return cls(pa.concat_tables([_SCHEMA.empty_table(), *tables]))

    @classmethod
    def assigned(cls, store: Store, keys: pa.ChunkedArray, size: int) -> "Slices":
        """The slices after each of `keys` that has none got one of about `size` (>= 1) sources; writes down the new."""
        known = cls.read(store)
        new = keys.filter(pc.invert(pc.is_in(keys, value_set=_one(known.table["key"])))).unique()
        if not len(new):
            return known
        numbers = known.table["slice"].to_numpy()
        last = int(numbers.max()) if len(numbers) else 0
        held = int((numbers == last).sum())
        added = last + (held + np.arange(len(new))) // size
        table = pa.table([new, pa.array(added, pa.int32())], schema=_SCHEMA)
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        files = sum(_is_manifest(name) for name in store.names(FOLDER))
        store.write(f"{FOLDER}/sources-{files:06d}.parquet", buffer.getvalue())
        return cls(pa.concat_tables([known.table, table]))

    def of_keys(self, keys: pa.ChunkedArray | pa.Array) -> pa.Array:
        """The name of the slice of each source that was listed (string)."""
        numbers = _one(self.table["slice"]).take(_one(pc.index_in(keys, value_set=_one(self.table["key"]))))
        assert not numbers.null_count, "a source has no slice"
        return _names(numbers)

    def of_sources(self, *sources: pa.Table) -> SliceOf:
        """A function from ids to slices, given tables of sources (`video_id`, `key`), which may name one repeatedly."""
        named = pa.concat_tables([each.select(["video_id", "key"]) for each in sources])
        places = pc.index_in(named["key"], value_set=_one(self.table["key"]))
        numbered = pa.table({"video_id": named["video_id"], "slice": _one(self.table["slice"]).take(_one(places))})
        distinct = numbered.group_by("video_id").aggregate([("slice", "min")])
        return SliceOf(_one(distinct["video_id"]), _one(distinct["slice_min"]))


def places_by_slice(slices: pa.Array | pa.ChunkedArray) -> dict[str, NDArray[np.int64]]:
    """The places of the rows of each slice, in their order; the slices by name."""
    encoded = _one(slices).dictionary_encode()
    numbers = encoded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(numbers, kind="stable")
    edges = np.searchsorted(numbers[order], np.arange(len(encoded.dictionary) + 1))
    names = encoded.dictionary.to_pylist()
    return dict(sorted((name, order[edges[at] : edges[at + 1]]) for at, name in enumerate(names)))


def _names(numbers: pa.Array) -> pa.Array:
    encoded = numbers.dictionary_encode()
    names = pa.array([f"slice-{number:06d}" for number in encoded.dictionary.to_pylist()], pa.string())
    return names.take(encoded.indices)


def _is_manifest(name: str) -> bool:
    return name.startswith(f"{FOLDER}/sources-") and name.endswith(".parquet")


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)

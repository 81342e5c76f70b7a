"""The shard index as compact columns: each sample's location, bucket and source, and its scores on demand.

Ten million rows fit in about 1.5 GB: ids stay in Arrow, repeated values are codes into a table, and scores are read
only for the columns that a rule names. Rows are sorted by bucket and by the shuffle of the samples, wherever in the
shards they are, so training is the same before and after `just compact`.

    index = SampleIndex.open("datasets/demo", split="train")
    aesthetic = index.scores(["aesthetic"])["aesthetic"]      # float64 [rows]
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.storage.store import Store, open_source
from schemas.bucket import Bucket
from schemas.dataset_files import INDEX
from schemas.errors import DatasetError
from schemas.ids import digest

_COLUMNS = ("sample_id", "clip_id", "video_id", "bucket", "split", "shard", "offset", "size", "tokens", "status")
_REPEATED = ("video_id", "source", "bucket", "shard")
_FORMERLY = {"categories": "words"}
_BATCH_ROWS = 1 << 18
# Samples that are next to each other in the shuffle are in one shard, if shards are full: as many as it has by default.
_GROUP_ROWS = 256

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class SampleIndex:
    """The samples of one split that are in shards, sorted by bucket and by the shuffle that packed them.

    `bucket`, `shard` and `video` [rows] are codes into `buckets`, `shards` and `videos`; `sources` holds the key of
    each video's source (its id in an index without that column); `tokens` [rows] counts those of the dense caption.
    """

    uri: str
    split: str
    buckets: tuple[Bucket, ...]
    shards: pa.Array
    videos: pa.Array
    sources: pa.Array
    sample_ids: pa.Array
    clip_ids: pa.Array
    bucket: Codes
    shard: Codes
    video: Codes
    offset: NDArray[np.int64]
    size: NDArray[np.int64]
    tokens: Codes
    file_rows: NDArray[np.int64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.offset)

    @classmethod
    def open(cls, dataset_uri: str, split: str = "train") -> "SampleIndex":
        """Read the index of a dataset. Raises `DatasetError` if it is missing or lacks a column."""
        with _open(dataset_uri) as file:
            names = file.schema_arrow.names
            missing = [name for name in _COLUMNS if name not in names]
            if missing:
                raise DatasetError(
                    f"{_path(dataset_uri)} has no column {', '.join(missing)}; run `just curate` again to rewrite it"
                )
            columns = [*_COLUMNS, *(name for name in ("source", "order") if name in names)]
            tables = _live_rows(file, columns, split)
        if not tables:
            raise DatasetError(f"{_path(dataset_uri)} has no rows: nothing was packed; see `just ledger {dataset_uri}`")
        return _from_table(dataset_uri, split, pa.concat_tables(tables))

    @property
    def group(self) -> NDArray[np.int64]:
        """The group of each row: neighbours in the shuffle of a bucket, which a full shard holds together."""
        starts = np.flatnonzero(np.diff(self.bucket, prepend=-1))
        position = np.arange(len(self)) - np.repeat(starts, np.diff(np.append(starts, len(self))))
        return np.cumsum(position % _GROUP_ROWS == 0) - 1

    def identity(self) -> str:
        """Digest of the ids, in order: equal samples have equal identities."""
        checksum = hashlib.sha256()
        for first in range(0, len(self), _BATCH_ROWS):
            checksum.update("\n".join(self.sample_ids.slice(first, _BATCH_ROWS).to_pylist()).encode())
        return checksum.hexdigest()

    def score_names(self) -> tuple[frozenset[str], frozenset[str]]:
        """Names of all scores and categories in the dataset; empty for an index without them."""
        numbers, categories = (
            frozenset(name for _, names, _ in _named_values(self.uri, column) for name in pc.unique(names).to_pylist())
            for column in ("scores", "categories")
        )
        return numbers, categories

    def scores(self, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Each score as float64 [rows]; NaN where a sample has none."""
        scores = {name: np.full(len(self), np.nan) for name in names}
        for name, rows, items in self._entries("scores", names):
            scores[name][rows] = items.to_numpy(zero_copy_only=False)
        return scores

    def categories(self, names: Sequence[str]) -> dict[str, tuple[Codes, list[str]]]:
        """Each category as int32 codes [rows] and their table; -1 where a sample has none."""
        categories: dict[str, tuple[Codes, list[str]]] = {
            name: (np.full(len(self), -1, np.int32), []) for name in names
        }
        for name, rows, items in self._entries("categories", names):
            codes, table = categories[name]
            for word in pc.unique(items).to_pylist():
                if word not in table:
                    table.append(word)
                codes[rows[pc.equal(items, word).to_numpy(zero_copy_only=False)]] = table.index(word)
        return categories

    def _entries(self, column: str, names: Sequence[str]) -> Iterator[tuple[str, NDArray[np.int64], pa.Array]]:
        """The entries of the file's column under each name: rows of this index, and their values."""
        row_of = np.full(int(self.file_rows.max(initial=-1)) + 2, -1, np.int64)
        row_of[self.file_rows] = np.arange(len(self))
        first = 0
        for counts, keys, items in _named_values(self.uri, column) if names else ():
            file_rows = first + np.repeat(np.arange(len(counts)), counts)
            rows = row_of[np.minimum(file_rows, len(row_of) - 1)]
            for name in names:
                here = np.flatnonzero(pc.equal(keys, name).to_numpy(zero_copy_only=False) & (rows >= 0))
                if len(here):
                    yield name, rows[here], items.take(pa.array(here))
            first += len(counts)


def _path(dataset_uri: str) -> str:
    return Store(dataset_uri).path(INDEX)


def _open(dataset_uri: str) -> pq.ParquetFile:
    store = Store(dataset_uri)
    if not store.exists(INDEX):
        raise DatasetError(f"{store.path(INDEX)} is missing; `just curate <bucket>` writes it at its end")
    return pq.ParquetFile(open_source(store.path(INDEX)))


def _named_values(dataset_uri: str, column: str) -> Iterator[tuple[NDArray[np.int64], Any, Any]]:
    """Of each batch of rows how many values each row has, and all names and values, flat.

    Indexes of earlier versions hold maps instead of lists, and `words` instead of `categories`.
    """
    with _open(dataset_uri) as file:
        names = file.schema_arrow.names
        column = _FORMERLY.get(column, column) if column not in names else column
        for batch in file.iter_batches(_BATCH_ROWS, columns=[column]) if column in names else ():
            cells = batch.column(0)
            starts = cells.offsets.to_numpy()
            low, length = int(starts[0]), int(starts[-1] - starts[0])
            if pa.types.is_map(cells.type):
                flat = (cells.keys, cells.items)
            else:
                flat = tuple(cells.values.field(name) for name in ("name", "value"))
            yield np.diff(starts), flat[0].slice(low, length), flat[1].slice(low, length)


def _live_rows(file: pq.ParquetFile, columns: Sequence[str], split: str) -> list[pa.Table]:
    """The rows of the split that are in a shard, with their row number in the file; repeated texts as codes."""
    tables, first = [], 0
    for batch in file.iter_batches(_BATCH_ROWS, columns=list(columns)):
        file_rows = pa.array(np.arange(first, first + len(batch)))
        first += len(batch)
        table = pa.Table.from_batches([batch]).append_column("file_row", file_rows)
        live = pc.and_(pc.equal(table["status"], "ok"), pc.equal(table["split"], split))
        table = table.filter(live).drop_columns(["status", "split"])
        for name in set(_REPEATED) & set(table.column_names):
            table = table.set_column(table.column_names.index(name), name, table[name].dictionary_encode())
        tables.append(table)
    return tables


def _from_table(dataset_uri: str, split: str, table: pa.Table) -> SampleIndex:
    bucket, buckets = _sorted_codes(table["bucket"])
    slugs = np.array([Bucket.parse(text).slug for text in buckets.to_pylist()], str)
    rank = np.argsort(np.argsort(slugs))
    order = np.lexsort((_shuffle_keys(table), rank[bucket]))
    table, bucket = table.take(pa.array(order)), bucket[order]
    shard, shards = _sorted_codes(table["shard"])
    video, videos = _sorted_codes(table["video_id"])
    sources = videos
    if "source" in table.column_names:
        _, first = np.unique(video, return_index=True)
        sources = pc.cast(table["source"].take(pa.array(first)), pa.string()).combine_chunks()
    return SampleIndex(
        uri=dataset_uri,
        split=split,
        buckets=tuple(Bucket.parse(text) for text in buckets.to_pylist()),
        shards=shards,
        videos=videos,
        sources=sources,
        sample_ids=_joined(table["sample_id"]),
        clip_ids=_joined(table["clip_id"]),
        bucket=bucket,
        shard=shard,
        video=video,
        offset=table["offset"].to_numpy(),
        size=table["size"].to_numpy(),
        tokens=table["tokens"].to_numpy(),
        file_rows=table["file_row"].to_numpy(),
    )


def _shuffle_keys(table: pa.Table) -> NDArray[np.uint64]:
    """The place of each row in the shuffle; an index of an earlier version does not say it, but packed by this hash."""
    if "order" in table.column_names and not table["order"].null_count:
        return np.asarray(table["order"].to_numpy(), np.uint64)
    ids = (key for batch in table["sample_id"].chunks for key in batch.to_pylist())
    return np.fromiter((int(digest("order", 0, key), 16) for key in ids), np.uint64, len(table))


def _joined(column: pa.ChunkedArray) -> pa.Array:
    """One array of texts, whose total length may exceed 2 GB."""
    return pc.cast(column, pa.large_string()).combine_chunks()


def _sorted_codes(column: pa.ChunkedArray) -> tuple[Codes, pa.Array]:
    """Codes [rows] of a column of repeated texts into the sorted table of the texts that occur, and that table."""
    if not len(column):
        return np.zeros(0, np.int32), pa.array([], pa.string())
    encoded = column.unify_dictionaries().combine_chunks()
    texts = encoded.dictionary.cast(pa.string())
    codes = encoded.indices.to_numpy()
    used = np.unique(codes)
    names = texts.take(pa.array(used))
    order = pc.array_sort_indices(names).to_numpy()
    rank = np.zeros(len(texts), np.int32)
    rank[used[order]] = np.arange(len(used), dtype=np.int32)
    return rank[codes], names.take(pa.array(order))

"""Verify: all shards of a dataset against its index, in several processes, and the tables against each other.

The tables are always checked: the index and the shards that are there name each other, no source is in both splits, and
the ledger adds up. A run checks the shards that it wrote (`pipeline.stages.pack.verify`); this checks all of them, or
a share. What one shard must hold: `verify_shard.py`.

    just verify <dataset> --share 0.01
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import groupby
from multiprocessing import get_context

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.dataset.ledger import check_sums
from pipeline.dataset.verify_shard import check_shard
from pipeline.stage import Row
from pipeline.storage.store import Store
from schemas.dataset_files import INDEX, LEDGER_FILE
from schemas.errors import VerifyError
from schemas.ids import digest
from schemas.outcome_tables import LEDGER, SAMPLES

# Below this a process costs more to start than it saves.
_SAMPLES_PER_PROCESS = 200
_WAITING, _ROWS_AT_ONCE = 2, 1024


def verify(
    dataset: Dataset, advance: Callable[[int, int], None] = lambda samples, failed: None, share: float = 1.0
) -> list[str]:
    """All complaints about the dataset's shards and ledger; an empty list means that it is valid.

    `advance(samples, failed)` is called for every checked shard; `failed` is always 0, see the returned list. With
    `share` only that part of the shards is opened, always the same (`in_share`).
    """
    here = {file.key.removeprefix("shards/") for file in dataset.store.list("shards")}
    counts = {name: count for name, count in sizes_of_shards(dataset).items() if name in here and in_share(name, share)}
    found = _check_shards(dataset, counts, advance)
    return [*check_tables(dataset), *(complaint for name in sorted(found) for complaint in found[name])]


def in_share(shard: str, share: float) -> bool:
    """Whether a shard belongs to the share that is checked, chosen by a hash of its name: the same every time."""
    return int(digest("verify", shard), 16) < share * 2**64


def sizes_of_shards(dataset: Dataset) -> dict[str, int]:
    """The number of samples in every shard of the index, by its path below `shards/`."""
    from pipeline.dataset.query import querying

    with querying(dataset.store) as connection:
        index = dataset.relation(connection, INDEX, SAMPLES, ["shard", "status"]).filter("status = 'ok'")
        return dict(index.aggregate("shard, count(*)").order("shard").fetchall())


def check_tables(dataset: Dataset) -> list[str]:
    """The complaints that need no shard to be opened: about the index, the listing of the shards, and the ledger."""
    from pipeline.dataset.query import querying

    with querying(dataset.store) as connection:
        index = dataset.relation(connection, INDEX, SAMPLES, ["video_id", "split", "status", "shard", "offset", "size"])
        divided = index.filter("split <> ''").aggregate("video_id, count(DISTINCT split) AS splits")
        leaks = divided.filter("splits > 1").order("video_id").fetchall()
        ends: dict[str, int] = dict(index.filter("status = 'ok'").aggregate('shard, max("offset" + size)').fetchall())
    complaints = [f"source {source}: has samples in train and in val" for source, _ in leaks]
    files = {file.key.removeprefix("shards/"): file.size for file in dataset.store.list("shards")}
    present = {name for name in files if name.endswith(".tar")}
    complaints += [f"shard {name}: in the folder, but not in the index" for name in sorted(present - set(ends))]
    complaints += [f"shard {name}: in the index, but not in the folder" for name in sorted(set(ends) - present)]
    complaints += [
        f"shard {name}: {files[name]} bytes, but the index has samples up to byte {ends[name]}"
        for name in sorted(set(ends) & present)
        if files[name] < ends[name]
    ]
    return complaints + _check_ledger(dataset)


def _check_shards(
    dataset: Dataset, counts: Mapping[str, int], advance: Callable[[int, int], None]
) -> dict[str, list[str]]:
    """The complaints about each shard."""
    processes = min(os.cpu_count() or 1, len(counts), sum(counts.values()) // _SAMPLES_PER_PROCESS)
    found: dict[str, list[str]] = {}
    if processes <= 1:
        for name, rows in _rows_of_shards(dataset, counts):
            found[name] = list(check_shard(name, rows, dataset.store))
            advance(len(rows), 0)
        return found
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        started: dict[Future[list[str]], str] = {}
        for name, rows in _rows_of_shards(dataset, counts):
            while len(started) >= _WAITING * processes:
                _take_done(started, found, counts, advance)
            started[pool.submit(_checked, dataset.store.address, name, rows)] = name
        while started:
            _take_done(started, found, counts, advance)
    return found


def _take_done(
    started: dict[Future[list[str]], str],
    found: dict[str, list[str]],
    counts: Mapping[str, int],
    advance: Callable[[int, int], None],
) -> None:
    for done in wait(started, return_when=FIRST_COMPLETED).done:
        name = started.pop(done)
        found[name] = done.result()
        advance(counts[name], 0)


def _rows_of_shards(dataset: Dataset, names: Collection[str]) -> Iterator[tuple[str, list[Row]]]:
    """What the index says of the samples of each of these shards, one shard after the other."""
    from pipeline.dataset.query import batches, querying

    columns = ["shard", "sample_id", "bucket", "offset", "size", "checksum"]
    with querying(dataset.store) as connection:
        wanted = connection.from_arrow(pa.table({"shard": pa.array(sorted(names), pa.string())}))
        index = dataset.relation(connection, INDEX, SAMPLES, [*columns, "status"]).filter("status = 'ok'")
        chosen = (
            index.join(wanted, "shard", how="semi").order('shard, "offset"').project(", ".join(map(_quoted, columns)))
        )
        rows = (row for batch in batches(chosen, _ROWS_AT_ONCE) for row in batch.to_pylist())
        for name, of_shard in groupby(rows, key=lambda row: str(row["shard"])):
            yield name, list(of_shard)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _checked(address: str, name: str, rows: Sequence[Row]) -> list[str]:
    return list(check_shard(name, rows, Store(address)))


def _check_ledger(dataset: Dataset) -> list[str]:
    from pipeline.dataset.query import querying

    inputs = dataset.read_record()["inputs"]
    with querying(dataset.store) as connection:
        ledger = dataset.relation(connection, LEDGER_FILE, LEDGER)
        try:
            check_sums(ledger, *(inputs[kind] for kind in ("videos", "clips", "samples")))
        except VerifyError as error:
            return [str(error)]
        shipped = ledger.filter("kind = 'sample' AND state = 'shipped'").project("id")
        packed = dataset.relation(connection, INDEX, SAMPLES, ["sample_id", "status"]).filter("status = 'ok'")
        packed = packed.project("sample_id AS id")
        differing = shipped.join(packed, "id", how="anti").union(packed.join(shipped, "id", how="anti")).order("id")
        return [f"sample {key}: ledger and index disagree on whether it shipped" for (key,) in differing.fetchall()]

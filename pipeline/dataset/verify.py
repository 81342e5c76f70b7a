"""Verify: all shards of a dataset against its index, in several processes, and the tables against each other.

The tables are always checked: the index and the shards that are there name each other, no source is in both splits, and
the ledger adds up. A run checks the shards that it wrote (`pipeline.stages.pack.verify`); this checks all of them, or
a share. What one shard must hold: `verify_shard.py`.

    just verify <dataset> --share 0.01
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

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


def verify(
    dataset: Dataset, advance: Callable[[int, int], None] = lambda samples, failed: None, share: float = 1.0
) -> list[str]:
    """All complaints about the dataset's shards and ledger; an empty list means that it is valid.

    `advance(samples, failed)` is called for every checked shard; `failed` is always 0, see the returned list. With
    `share` only that part of the shards is opened, always the same (`in_share`).
    """
    shards = shards_of(dataset)
    here = {file.key.removeprefix("shards/") for file in dataset.store.list("shards")}
    chosen = {name: rows for name, rows in shards.items() if name in here and in_share(name, share)}
    found = _check_shards(dataset.store, chosen, advance)
    return [*check_tables(dataset), *(complaint for name in sorted(found) for complaint in found[name])]


def in_share(shard: str, share: float) -> bool:
    """Whether a shard belongs to the share that is checked, chosen by a hash of its name: the same every time."""
    return int(digest("verify", shard), 16) < share * 2**64


def shards_of(dataset: Dataset) -> dict[str, list[Row]]:
    """The rows of the index by shard."""
    shards: dict[str, list[Row]] = defaultdict(list)
    for sample in dataset.read_table(INDEX, SAMPLES).to_pylist():
        if sample["status"] == "ok":
            shards[sample["shard"]].append(sample)
    return dict(shards)


def check_tables(dataset: Dataset) -> list[str]:
    """The complaints that need no shard to be opened: about the index, the listing of the shards, and the ledger."""
    samples = dataset.read_table(INDEX, SAMPLES).to_pylist()
    complaints = list(_split_leaks(samples))
    files = {file.key.removeprefix("shards/"): file.size for file in dataset.store.list("shards")}
    present = {name for name in files if name.endswith(".tar")}
    ends: dict[str, int] = defaultdict(int)
    for sample in samples:
        if sample["status"] == "ok":
            ends[sample["shard"]] = max(ends[sample["shard"]], sample["offset"] + sample["size"])
    complaints += [f"shard {name}: in the folder, but not in the index" for name in sorted(present - set(ends))]
    complaints += [f"shard {name}: in the index, but not in the folder" for name in sorted(set(ends) - present)]
    complaints += [
        f"shard {name}: {files[name]} bytes, but the index has samples up to byte {ends[name]}"
        for name in sorted(set(ends) & present)
        if files[name] < ends[name]
    ]
    return complaints + _check_ledger(dataset)


def _check_shards(
    store: Store, shards: Mapping[str, Sequence[Row]], advance: Callable[[int, int], None]
) -> dict[str, list[str]]:
    """The complaints about each shard."""
    count = sum(map(len, shards.values()))
    processes = min(os.cpu_count() or 1, len(shards), count // _SAMPLES_PER_PROCESS)
    found: dict[str, list[str]] = {}
    if processes <= 1:
        for name, rows in shards.items():
            found[name] = list(check_shard(name, rows, store))
            advance(len(rows), 0)
        return found
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        started = {pool.submit(_checked, store.address, name, rows): name for name, rows in shards.items()}
        for done in as_completed(started):
            found[started[done]] = done.result()
            advance(len(shards[started[done]]), 0)
    return found


def _checked(address: str, name: str, rows: Sequence[Row]) -> list[str]:
    return list(check_shard(name, rows, Store(address)))


def _split_leaks(samples: Sequence[Row]) -> Iterator[str]:
    splits: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample["split"]:
            splits[sample["video_id"]].add(sample["split"])
    for source in sorted(source for source, source_splits in splits.items() if len(source_splits) > 1):
        yield f"source {source}: has samples in train and in val"


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

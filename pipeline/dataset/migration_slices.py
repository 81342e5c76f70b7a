"""Divides the plans of an earlier version, which were of whole tables, by slice. Nothing is computed anew for that.

A part file whose rows are of several slices is divided as well: into one for each, named by its rows like any other.
This goes for every table that a stage ever wrote, also of a stage that is no longer configured, and under any
fingerprint: columns are taken as they are. Rows that were planned and never computed are planned again by the run. The
groups of streams are planned anew within the slices; what was computed for a group of before is found by its rows.

    keys = former_keys(dataset)                         # also of sources that are gone
    divide_plans(dataset, Slices.assigned(dataset.store, keys, 1000))
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import Dataset, is_part
from pipeline.dataset.part_file import PartFile
from pipeline.dataset.plan import Part, make_part
from pipeline.dataset.plan_files import PLANS, PlanFiles, is_plan
from pipeline.dataset.slices import WHOLE, Slices
from schemas.ids import video_of

_VIDEOS, _COLUMNS = "videos", ["object_id", "video_id", "key"]
# Tables that follow the plan of another one; their rows are told apart by their source or their sample.
_SECONDARY = {"splits": ("clips", "stills", "still_images"), "encoded": ("encoded_media",)}
# What a primary table may have as its key; the first of them that it has.
_KEYS = ("object_id", "sample_id", "still_id", "clip_id", "video_id")
# Tables that are not divided: their rows are shards, or leave with the run.
_WHOLE = ("packing", "verified", "slices")
_GROUPS = "groups"


def former_keys(dataset: Dataset) -> pa.Array:
    """The keys of all sources that any run has probed, in order."""
    keys = _known(dataset)["key"].unique()
    return keys.take(pc.sort_indices(keys))


def divide_plans(dataset: Dataset, slices: Slices) -> int:
    """Divide all plans of whole tables; returns their number."""
    known = _known(dataset)
    names = slices.of_keys(known["key"]).to_pylist()
    by_id = dict(zip(known["object_id"].to_pylist(), names, strict=True))
    by_id |= dict(zip(known["video_id"].to_pylist(), names, strict=True))
    divided = 0
    for folder, fingerprint in _plans_of_whole_tables(dataset):
        if folder in _WHOLE:
            continue
        if not folder.startswith(f"{_GROUPS}/"):
            _divide(dataset, folder, fingerprint, lambda key: by_id.get(video_of(key)))
        _remove_whole(dataset, folder, fingerprint)
        divided += 1
    return divided


def _known(dataset: Dataset) -> pa.Table:
    """Ids and key of every source, of all fingerprints."""
    schema = pa.schema([(name, pa.string()) for name in _COLUMNS])
    tables = [schema.empty_table()]
    for file in dataset.store.list(_VIDEOS):
        if is_part(file.key.rsplit("/", 1)[-1]):
            tables.append(PartFile(dataset.store, file.key).rows("key", None, _COLUMNS).select(_COLUMNS))
    return pa.concat_tables(tables)


def _plans_of_whole_tables(dataset: Dataset) -> list[tuple[str, str]]:
    folders = {file.key.rpartition("/")[0] for file in dataset.store.list(PLANS) if is_plan(file.key.split("/")[-1])}
    named = [folder.removeprefix(f"{PLANS}/").rpartition("/") for folder in sorted(folders)]
    return [(folder, last) for folder, _, last in named if not last.startswith("slice-")]


def _divide(dataset: Dataset, folder: str, fingerprint: str, slice_of: Callable[[str], str | None]) -> None:
    plans = dataset.plans(folder, fingerprint)
    committed = {
        name.rsplit("/", 1)[1].removesuffix(".parquet")
        for name in dataset.store.names(f"{folder}/{fingerprint}")
        if is_part(name.rsplit("/", 1)[1])
    }
    planned: dict[str, list[Part]] = defaultdict(list)
    shared: list[str] = []
    for part in plans.read(WHOLE):
        rows: dict[str | None, list[tuple[str, str]]] = defaultdict(list)
        for row in part.rows:
            rows[slice_of(row[0])].append(row)
        if len(rows) == 1:
            for name in filter(None, rows):
                planned[name].append(part)
            continue
        pieces = {name: make_part(of_slice) for name, of_slice in rows.items() if name}
        if part.name in committed:
            _divide_part(dataset, folder, fingerprint, part.name, [*pieces.values()])
            committed |= {piece.name for piece in pieces.values()}
            shared.append(part.name)
        for name, piece in pieces.items():
            if piece.name in committed:
                planned[name].append(piece)
    for name, parts in planned.items():
        before = {part.name: part for part in plans.read(name)}  # of a migration that was killed
        _replace(plans, name, [*(before | {part.name: part for part in parts}).values()])
    for name in shared:
        for table in (folder, *_SECONDARY.get(folder, ())):
            dataset.store.remove(f"{table}/{fingerprint}/{name}.parquet")


def _divide_part(dataset: Dataset, folder: str, fingerprint: str, part: str, pieces: Sequence[Part]) -> None:
    """Write the pieces of a part file of each table, those of the primary one last."""
    for table in (*_SECONDARY.get(folder, ()), folder):
        key = f"{table}/{fingerprint}/{part}.parquet"
        if not dataset.store.exists(key):
            continue
        rows = PartFile(dataset.store, key).rows("", None)
        keyed = table == folder or "video_id" not in rows.column_names
        column = next(name for name in _KEYS if name in rows.column_names) if keyed else "video_id"
        for piece in pieces:
            ids = pa.array([key for key, _ in piece.rows], pa.string())
            here = rows.filter(pc.is_in(rows[column], value_set=ids))
            dataset.write_file(f"{table}/{fingerprint}/{piece.name}.parquet", here)


def _replace(plans: PlanFiles, slice_name: str, parts: Sequence[Part]) -> None:
    rows = [(part.name, key, identity) for part in parts for key, identity in part.rows]
    columns = [pa.array(list(column), pa.string()) for column in zip(*rows, strict=True)]
    plans.replace(slice_name, pa.table(columns, names=["part", "key", "identity"]))


def _remove_whole(dataset: Dataset, folder: str, fingerprint: str) -> None:
    for key in dataset.store.names(f"{PLANS}/{folder}/{fingerprint}"):
        dataset.store.remove(key)

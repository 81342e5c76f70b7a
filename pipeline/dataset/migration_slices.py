"""Divides the plans of an earlier version, which were of whole tables, by slice. Nothing is computed anew for that.

A part file whose rows are of several slices is divided as well: into one for each, named by its rows like any other.
Rows that were planned and never computed are planned again by the run. The groups of streams are planned anew within
the slices; what was computed for a group of before is found by its rows.

    keys = former_keys(dataset)                         # also of sources that are gone
    divide_plans(dataset, Slices.assigned(dataset.store, keys, 1000))
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import Part, make_part
from pipeline.dataset.plan_files import PLANS, PlanFiles, is_plan
from pipeline.dataset.slices import WHOLE, Slices
from pipeline.stage import Output
from schemas.ids import video_of
from schemas.media_tables import VIDEOS

_VIDEOS = Output(folder="videos", contract=VIDEOS, parent="object_id")
_COLUMNS = ["object_id", "video_id", "key"]
# Tables that are not divided: their rows are shards, or leave with them.
_WHOLE = ("encoded", "packing", "verified", "slices")
_GROUPS = "groups"


def former_keys(dataset: Dataset) -> pa.Array:
    """The keys of all sources that any run has probed, in order."""
    keys = _known(dataset)["key"].unique()
    return keys.take(pc.sort_indices(keys))


def divide_plans(dataset: Dataset, slices: Slices, outputs: Sequence[Sequence[Output]]) -> int:
    """Divide all plans of whole tables; returns their number. `outputs` are the tables of each stage."""
    known = _known(dataset)
    names = slices.of_keys(known["key"]).to_pylist()
    by_id = dict(zip(known["object_id"].to_pylist(), names, strict=True))
    by_id |= dict(zip(known["video_id"].to_pylist(), names, strict=True))
    tables = {of_stage[0].folder: of_stage for of_stage in outputs}
    divided = 0
    for folder, fingerprint in _plans_of_whole_tables(dataset):
        if folder.startswith(f"{_GROUPS}/"):
            _remove_whole(dataset, folder, fingerprint)
        elif folder not in _WHOLE:
            _divide(dataset, fingerprint, tables[folder], lambda key: by_id.get(video_of(key)))
            _remove_whole(dataset, folder, fingerprint)
        else:
            continue
        divided += 1
    return divided


def _known(dataset: Dataset) -> pa.Table:
    """Ids and key of every source, of all fingerprints."""
    tables = [pa.schema([(name, pa.string()) for name in _COLUMNS]).empty_table()]
    for fingerprint in sorted({file.key.split("/")[1] for file in dataset.store.list(_VIDEOS.folder)}):
        parts = dict.fromkeys(dataset.committed(_VIDEOS, fingerprint))
        tables.append(dataset.read_parts(_VIDEOS, fingerprint, parts, _COLUMNS).select(_COLUMNS))
    return pa.concat_tables(tables)


def _plans_of_whole_tables(dataset: Dataset) -> list[tuple[str, str]]:
    folders = {file.key.rpartition("/")[0] for file in dataset.store.list(PLANS) if is_plan(file.key.split("/")[-1])}
    named = [folder.removeprefix(f"{PLANS}/").rpartition("/") for folder in sorted(folders)]
    return [(folder, last) for folder, _, last in named if not last.startswith("slice-")]


def _divide(
    dataset: Dataset, fingerprint: str, outputs: Sequence[Output], slice_of: Callable[[str], str | None]
) -> None:
    plans = dataset.plans(outputs[0].folder, fingerprint)
    committed = dataset.committed(outputs[0], fingerprint)
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
            _divide_part(dataset, fingerprint, outputs, part.name, [*pieces.values()])
            committed |= {piece.name for piece in pieces.values()}
            shared.append(part.name)
        for name, piece in pieces.items():
            if piece.name in committed:
                planned[name].append(piece)
    for name, parts in planned.items():
        before = {part.name: part for part in plans.read(name)}  # of a migration that was killed
        _replace(plans, name, [*(before | {part.name: part for part in parts}).values()])
    for name in shared:
        for output in outputs:
            dataset.store.remove(dataset.part_key(output, fingerprint, name))


def _divide_part(
    dataset: Dataset, fingerprint: str, outputs: Sequence[Output], part: str, pieces: Sequence[Part]
) -> None:
    for output in reversed(outputs):
        for piece in pieces:
            rows = dataset.read_parts(output, fingerprint, {part: [key for key, _ in piece.rows]})
            dataset.write_part(output, fingerprint, piece.name, rows.select(output.contract.names))


def _replace(plans: PlanFiles, slice_name: str, parts: Sequence[Part]) -> None:
    rows = [(part.name, key, identity) for part in parts for key, identity in part.rows]
    columns = [pa.array(list(column), pa.string()) for column in zip(*rows, strict=True)]
    plans.replace(slice_name, pa.table(columns, names=["part", "key", "identity"]))


def _remove_whole(dataset: Dataset, folder: str, fingerprint: str) -> None:
    for key in dataset.store.names(f"{PLANS}/{folder}/{fingerprint}"):
        dataset.store.remove(key)

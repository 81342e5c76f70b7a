"""Turns a dataset into what an earlier version left: parts without slices, plans among them, pictures with the stills,
maps, other places, and no card.

make_older(dataset)
"""

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.folder import Dataset
from schemas.dataset_files import INDEX, SPANS_FILE
from schemas.named_values import dict_of, value_type

_NEW = (
    "README.md", ".features/", ".nv-meta/", ".plans/", ".samples/", ".slices/", "sample_spans/", "still_images/",
)  # fmt: skip


def make_older(dataset: Dataset) -> None:
    """Undo everything of the layout that earlier versions did not have; the content stays."""
    _put_pictures_back(dataset)
    _forget_slices(dataset)
    for file in dataset.store.list(".plans"):
        _move(dataset, file.key, file.key.removeprefix(".plans/"))
    _move(dataset, SPANS_FILE, "selection/sample_spans.parquet")
    for file in [*dataset.store.list("captions"), *dataset.store.list("scores")]:
        if "/part-" in file.key:
            dataset.write_file(file.key, _with_maps(pq.read_table(io.BytesIO(dataset.store.read(file.key)))))
    index = _with_maps(pq.read_table(io.BytesIO(dataset.store.read(INDEX))))
    dataset.write_file(INDEX, index.rename_columns({"categories": "words"}))
    record = dataset.read_record()
    del record["format"]
    dataset.write_record(record)
    for file in dataset.store.list():
        if file.key.startswith(_NEW) or file.key.endswith(".idx"):
            dataset.store.remove(file.key)


def _put_pictures_back(dataset: Dataset) -> None:
    for file in dataset.store.list("stills"):
        rows = pq.read_table(io.BytesIO(dataset.store.read(file.key)))
        pictures = pq.read_table(io.BytesIO(dataset.store.read(file.key.replace("stills/", "still_images/", 1))))
        assert pictures["still_id"].equals(rows["still_id"])
        dataset.write_file(file.key, rows.append_column("image", pictures["image"]))


def _forget_slices(dataset: Dataset) -> None:
    """Files of slices become parts, and their plans those of whole tables."""
    for file in dataset.store.list():
        if "/slice-" not in file.key or file.key.startswith(".slices/"):
            continue
        if not file.key.startswith(".plans/"):
            _move(dataset, file.key, file.key.replace("/slice-", "/part-"))
            continue
        plan = pq.read_table(io.BytesIO(dataset.store.read(file.key)))
        parts = pc.replace_substring_regex(plan["part"], "^slice-", "part-")
        folder, _, name = file.key.rpartition("/")
        dataset.write_file(f"{folder.rpartition('/')[0]}/{name}", plan.set_column(0, "part", parts))
        dataset.store.remove(file.key)


def is_older(key: str) -> bool:
    """Whether a file lies where only earlier versions put it."""
    name = key.rsplit("/", 1)[-1]
    return key == "selection/sample_spans.parquet" or (name.startswith("plan-") and not key.startswith(".plans/"))


def _move(dataset: Dataset, key: str, target: str) -> None:
    dataset.store.write(target, dataset.store.read(key))
    dataset.store.remove(key)


def _with_maps(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        kind = value_type(field.type)
        if kind is not None:
            cells = [None if cell is None else list(dict_of(cell).items()) for cell in table[field.name].to_pylist()]
            table = table.set_column(place, field.name, pa.array(cells, pa.map_(pa.string(), kind)))
    return table

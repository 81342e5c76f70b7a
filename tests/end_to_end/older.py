"""Turns a dataset into what an earlier version left: plans among parts, maps, other places, and no card.

make_older(dataset)
"""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.folder import Dataset
from schemas.dataset_files import INDEX, SPANS_FILE
from schemas.named_values import dict_of, value_type

_NEW = ("README.md", ".features/", ".nv-meta/", ".plans/", "sample_spans/")


def make_older(dataset: Dataset) -> None:
    """Undo everything of the layout that earlier versions did not have; the content stays."""
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

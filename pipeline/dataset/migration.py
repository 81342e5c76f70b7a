"""Brings a dataset of an earlier version into today's layout before a run reads it. Nothing is computed anew for that.

Each step leaves what is already as it should be, and a file is written at its new place before it goes from the old
one; so a kill in between costs nothing. `format` in `run.json` says that all of it is done.

    moved = migrate(Dataset("datasets/videos"))

    plans           among the part files          -> .plans/<table>/<fingerprint>/
    whole tables    selection/sample_spans.parquet -> sample_spans/
    values by name  maps in the part files of scores and captions -> lists of {name, value}, under their fingerprint
    pictures        in the part files of stills   -> still_images/<fingerprint>/, in files of the same names
    plans           of whole tables               -> by slice; see `migration_slices.py`
"""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.folder import FORMAT, FORMER_PLACES, Dataset, is_part
from pipeline.dataset.plan_files import PLANS, is_plan
from pipeline.stage import Output
from schemas.caption_tables import CAPTIONS, SCORES
from schemas.media_tables import STILL_IMAGES

# The tables of row stages with values by name. The samples table has some too, but is packed anew with the shards.
_CONTRACTS = {"scores": SCORES, "captions": CAPTIONS}


def is_former(dataset: Dataset) -> bool:
    """Whether a dataset may be of an earlier version."""
    return not dataset.store.exists("run.json") or dataset.read_record().get("format", 1) < FORMAT


def migrate(dataset: Dataset, images: Output) -> int:
    """Move and rewrite what an earlier version wrote; returns how many files. Costs one look if there is nothing.

    `images` is the table that holds the pictures of stills now.
    """
    if not is_former(dataset):
        return 0
    return sum(_migrate_file(dataset, file.key, images) for file in dataset.store.list())


def _migrate_file(dataset: Dataset, key: str, images: Output) -> bool:
    table, _, rest = key.partition("/")
    name = rest.rsplit("/", 1)[-1]
    if is_plan(name) and table != PLANS:
        return _move(dataset, key, f"{PLANS}/{key}")
    if key in FORMER_PLACES.values():
        return _move(dataset, key, next(new for new, old in FORMER_PLACES.items() if old == key))
    if table in _CONTRACTS and is_part(name):
        return _rewrite(dataset, key, table)
    if table == "stills" and is_part(name):
        return _take_images(dataset, key, images)
    return False


def _move(dataset: Dataset, key: str, target: str) -> bool:
    dataset.store.write(target, dataset.store.read(key))
    dataset.store.remove(key)
    return True


def _rewrite(dataset: Dataset, key: str, table: str) -> bool:
    data = io.BytesIO(dataset.store.read(key))
    if not any(pa.types.is_map(kind) for kind in pq.read_schema(data).types):
        return False
    dataset.write_file(key, _CONTRACTS[table].modern(pq.read_table(data)))
    return True


def _take_images(dataset: Dataset, key: str, images: Output) -> bool:
    data = io.BytesIO(dataset.store.read(key))
    if "image" not in pq.read_schema(data).names:
        return False
    rows = pq.read_table(data)
    # Under an earlier fingerprint the other columns may be others: all of them stay as they are.
    pictures = rows.select([name for name in STILL_IMAGES.names if name in rows.column_names])
    dataset.write_file(f"{images.folder}/{key.partition('/')[2]}", pictures, images)
    dataset.write_file(key, rows.drop_columns(["image"]))
    return True

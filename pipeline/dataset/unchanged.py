"""Tells whether a dataset is as its last run left it, so that the same run again has nothing to look at.

A run that ends well leaves two digests in its record (`run.json`): of all that it was made from (the listing of the
bucket, the configuration, the stages' fingerprints, and the program itself) and of the files that it left (names, sizes
and versions). If both are the same now, a run would find every row of every table as it is.

    record = unchanged_record(dataset, inputs)      # None: something changed
"""

import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pipeline.dataset.folder import Dataset
from schemas.errors import DatasetError
from schemas.ids import digest

_MARK = "unchanged"
_PACKAGES = ("schemas", "captioning", "pipeline")
# What a run writes whether or not anything changed.
_APART = ("run.json", ".lock")


def unchanged_record(dataset: Dataset, inputs: str) -> dict[str, Any] | None:
    """The record of the last run, if a run with these inputs would leave everything as it is; else None."""
    try:
        record = dataset.read_record()
    except DatasetError:
        return None
    mark = record.get(_MARK)
    return record if mark == {"inputs": inputs, "files": digest_of_files(dataset)} else None


def marked(dataset: Dataset, record: Mapping[str, Any], inputs: str) -> dict[str, Any]:
    """The record of a run that ended well, with the mark. Every file but the record is written by now."""
    return {**record, _MARK: {"inputs": inputs, "files": digest_of_files(dataset)}}


def with_mark_of(record: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a run that changed nothing, with the mark that the `last` one left."""
    return {**record, _MARK: last[_MARK]}


def digest_of_files(dataset: Dataset) -> str:
    """A digest of the names, sizes and versions of a dataset's files."""
    content = blake2b(digest_size=8)
    for file in dataset.store.list():
        if file.key not in _APART:
            content.update(f"{file.key}\0{file.size}\0{file.version}\n".encode())
    return content.hexdigest()


def digest_of_inputs(config: Mapping[str, Any], fingerprints: Iterable[str], listing: str, *more: object) -> str:
    """A digest of all that decides what a run leaves."""
    return digest(dict(config), list(fingerprints), listing, digest_of_program(), *more)


@cache
def digest_of_program() -> str:
    """A digest of the sources that decide what a run writes: tables are made by code that has no version of its own."""
    content = blake2b(digest_size=8)
    for package in _PACKAGES:
        found = importlib.util.find_spec(package)
        folders = (found and found.submodule_search_locations) or ()
        for path in sorted(path for folder in folders for path in Path(folder).rglob("*.py")):
            content.update(path.read_bytes())
    return content.hexdigest()

"""A lock that lets one run at a time write a dataset; the operating system releases it when the process dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.dataset.folder import Dataset
from pipeline.storage.store import dataset_errors
from schemas.errors import DatasetError


@contextmanager
def dataset_lock(dataset: Dataset) -> Iterator[None]:
    """Hold the dataset's lock. Raises `DatasetError` if another run holds it. Object stores are not locked."""
    if not dataset.store.is_local:
        yield
        return
    path = Path(dataset.store.uri) / ".lock"
    with dataset_errors(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(
                f"another run is writing to {dataset.store.uri}; wait for it or choose another --out"
            ) from None
        yield

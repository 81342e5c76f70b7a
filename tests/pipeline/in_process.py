"""An engine whose workers run in this process: for tests of what stages do to a dataset, without Ray.

engine = InProcessEngine(Dataset(str(tmp_path)))
"""

import json
from collections.abc import Iterator
from typing import Any, cast

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.engine.worker import PartWorker, WorkerLimits
from pipeline.stage import StageSpec
from schemas.config import EngineConfig


class _NoCluster:
    """A cluster of one core that needs no start."""

    cores, gpus = 1, 0
    vault = None

    def start(self) -> None:
        """Nothing to start."""


class InProcessEngine(Engine):
    """Runs stages part after part, with the same part files, retries and records as on Ray."""

    def __init__(self, dataset: Dataset, retry: bool = False) -> None:
        super().__init__(dataset, EngineConfig(), cast(Cluster, _NoCluster()), retry)

    def _reports_of_workers(self, spec: StageSpec, tasks: list[pa.Table], workers: int) -> Iterator[dict[str, Any]]:
        worker = PartWorker(spec, self.dataset.store.address, WorkerLimits(max_attempts=1, max_worker_deaths=1))
        for task in tasks:
            for text in worker(task)["report"].to_pylist():
                yield json.loads(text)

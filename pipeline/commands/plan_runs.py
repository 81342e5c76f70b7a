"""The runs behind `just plan`: a short one of the smallest sources, then one of the whole sample, into one dataset.

The short run costs little more than starting the models; against the second one it tells what is fixed from what grows.

    plan = plan_bucket("s3://bucket/raw", RunConfig(), Path("sample"), Cluster(None), seed=0)
"""

import contextlib
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.curate import Curation
from pipeline.dataset.belonging import check_bucket
from pipeline.dataset.folder import Dataset
from pipeline.engine.cluster import Cluster
from pipeline.engine.lock import dataset_lock
from pipeline.planning.forecast import Evidence, Plan, forecast
from pipeline.planning.sources import per_source
from pipeline.planning.strata import draw, sample_size
from pipeline.readers.opened import OpenedDataset
from pipeline.stages.ingest.stage import list_bucket
from pipeline.stages.preflight import check_config
from pipeline.stages.specs_of_run import make_specs
from pipeline.storage.addresses import address_of, clean
from schemas.config import IngestConfig, RunConfig
from schemas.errors import InputError

_SHORT = 2  # sources of the short run ...
_LEAST = 8  # ... which is made if the sample has at least so many
_SMALLEST = 0.25  # it takes the sources at this quantile of the sizes: the very smallest are often damaged


def plan_bucket(
    bucket: str,
    config: RunConfig,
    folder: Path,
    cluster: Cluster,
    sample: int | None = None,
    seed: int = 0,
    restart: bool = True,
) -> Plan:
    """Curate a sample of the bucket into `folder` and forecast the whole.

    With `restart`, Ray is started for each of the two runs, so that both pay for what starts with it. Raises as
    `just curate` does: `ConfigError` before anything else, `InputError` for a bucket that is empty or not there.
    """
    check_config(config)
    check_bucket(Dataset(str(folder)), bucket)
    objects = list_bucket(bucket, config.ingest)
    addresses = [address_of(uri) for uri in objects["uri"].to_pylist()]
    sizes, keys = objects["bytes"].to_pylist(), objects["key"].to_pylist()
    strata = draw(keys, sizes, sample or sample_size(len(objects)), seed)
    drawn = [int(index) for stratum in strata for index in stratum.drawn]
    _require_lines([addresses[index] for index in drawn])
    early = _short_run(objects, drawn)
    settings = config.model_copy(update={"ingest": IngestConfig(videos_per_part=1)})
    with tempfile.TemporaryDirectory() as temporary:
        listed = Path(temporary) / "sample.txt"
        records = []
        for chosen in ([index for index in drawn if index in early], drawn):
            if chosen:
                listed.write_text("".join(f"{addresses[index]}\n" for index in chosen))
                records.append(_run(str(listed), Dataset(str(folder)), settings, cluster, restart))
    columns = per_source(OpenedDataset(str(folder)), [clean(addresses[index]) for index in drawn])
    return forecast(
        Evidence(
            sizes=sizes,
            strata=strata,
            columns=columns,
            short=[index in early for index in drawn],
            short_record=records[0] if early else {"stages": {}, "models": {}},
            record=records[-1],
            disk=_disk(Dataset(str(folder))),
            gpus={spec.name: min(spec.gpus, cluster.gpus) for spec in make_specs(config, str(folder))},
            config=config,
        ),
        seed,
    )


def _require_lines(addresses: Sequence[str]) -> None:
    for address in addresses:
        if [address.strip()] != address.splitlines():
            raise InputError(
                f"{clean(address)!r}: a name with a line break or a space at its end; rename it or exclude it"
            )


def _short_run(objects: pa.Table, drawn: Sequence[int]) -> frozenset[int]:
    if len(drawn) < _LEAST:
        return frozenset()
    sizes = objects["bytes"].to_pylist()
    ordered = sorted(drawn, key=lambda index: (sizes[index], index))
    start = int(_SMALLEST * len(ordered))
    return frozenset(ordered[start : start + _SHORT])


def _run(bucket: str, dataset: Dataset, config: RunConfig, cluster: Cluster, restart: bool) -> Mapping[str, Any]:
    curation = Curation(bucket, dataset, config, cluster)
    with dataset_lock(dataset), cluster if restart else contextlib.nullcontext():
        return curation.run()


def _disk(dataset: Dataset) -> dict[str, int]:
    """Bytes of the dataset by top folder, without what a run leaves for the next one."""
    sizes: dict[str, int] = defaultdict(int)
    for file in dataset.store.list():
        folder, _, rest = file.key.partition("/")
        if not folder.startswith("."):
            sizes[folder if rest else "other files"] += file.size
    return dict(sizes)

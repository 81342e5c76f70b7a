"""Whether every shard that an index names is there and whole, asked before anything heavy is opened.

One listing of the shards of a dataset, or of a latent cache; no byte of them is read, so what is damaged inside is for
`just verify` and `just encode --verify` to find.

    python -m pytest tests/training/doctor/test_shards.py
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.storage.store import Store
from schemas.errors import DatasetError
from training.config import TrainConfig
from training.data.index import SampleIndex
from training.data.selection import resolve_rules
from training.doctor.findings import Finding, error

if TYPE_CHECKING:
    from training.latents.read import LatentShards  # with torch, which a look at folders does not wait for

_SHOWN = 3
_PACK = "the same `just curate` again packs them anew (`just verify` looks inside of all shards)"
_ENCODE = "the same `just encode` again makes them anew (`just encode --verify` looks inside of all)"


def check_shards(splits: Sequence[SampleIndex]) -> Iterator[Finding]:
    """An error for shards of one dataset's `splits` that are missing, and one for those that end too early."""
    needed: dict[str, int] = {}
    for index in splits:
        ends = np.zeros(len(index.shards), np.int64)
        np.maximum.at(ends, index.shard, index.offset + index.size)
        needed |= dict(zip(index.shards.to_pylist(), ends.tolist(), strict=True))
    if needed:
        yield from _lost(Store(splits[0].uri), needed, _PACK)


def check_latent_shards(cache: "LatentShards") -> Iterator[Finding]:
    """The same of a latent cache."""
    yield from _lost(cache.store, cache.ends(), _ENCODE)


def require_dataset(config: TrainConfig, uri: str) -> None:
    """Raise `DatasetError` for a dataset without an index or with lost shards, `RuleError` for a rule's column."""
    splits = [SampleIndex.open(uri, split) for split in ("train", "val")]
    findings = [] if config.data.latents else list(check_shards(splits))
    if findings:
        raise DatasetError("\n".join(finding.text for finding in findings))
    for stage in config.stages:
        resolve_rules(stage.rules, splits[0])


def _lost(store: Store, needed: Mapping[str, int], fix: str) -> Iterator[Finding]:
    """Findings of the shards below `store` that are missing, or end before their last sample does."""
    sizes = {file.key.removeprefix("shards/"): file.size for file in store.list("shards")}
    missing = [name for name in sorted(needed) if name not in sizes]
    cut = [
        f"{name} ({sizes[name]:,} bytes, its samples end at {end:,})"
        for name, end in sorted(needed.items())
        if sizes.get(name, end) < end
    ]
    for what, names in (("missing", missing), ("cut off", cut)):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            yield error(
                "shards",
                f"{len(names)} of {len(needed)} shards of {store.uri} {'is' if len(names) == 1 else 'are'} {what}: "
                f"{', '.join(names[:_SHOWN])}{more}; {fix}",
            )

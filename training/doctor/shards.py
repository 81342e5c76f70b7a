"""Checks that every shard that an index names exists and is long enough, before anything expensive is opened.

It takes one listing of a dataset's or a latent cache's shards and reads none of their bytes; `just verify` and
`just encode --verify` find damage inside.

    findings = list(check_shards([train, validation]))
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

_LISTED = 3
_PACK = "run the same `just curate` again to pack them (`just verify` checks the contents of all shards)"
_ENCODE = "run the same `just encode` again to write them (`just encode --verify` checks the contents of all)"


def check_shards(splits: Sequence[SampleIndex]) -> Iterator[Finding]:
    """An error for missing shards of a dataset's `splits`, and one for shards that are too short."""
    needed: dict[str, int] = {}
    for index in splits:
        ends = np.zeros(len(index.shards), np.int64)
        np.maximum.at(ends, index.shard, index.offset + index.size)
        needed |= dict(zip(index.shards.to_pylist(), ends.tolist(), strict=True))
    if needed:
        yield from _missing(Store(splits[0].uri), needed, _PACK)


def check_latent_shards(cache: "LatentShards") -> Iterator[Finding]:
    """The same for a latent cache."""
    yield from _missing(cache.store, cache.ends(), _ENCODE)


def require_dataset(config: TrainConfig, uri: str) -> None:
    """Raise `DatasetError` for a missing index or missing shards, `RuleError` for a rule whose column is missing."""
    splits = [SampleIndex.open(uri, split) for split in ("train", "val")]
    findings = [] if config.data.latents else list(check_shards(splits))
    if findings:
        raise DatasetError("\n".join(finding.text for finding in findings))
    for stage in config.stages:
        resolve_rules(stage.rules, splits[0])


def _missing(store: Store, needed: Mapping[str, int], fix: str) -> Iterator[Finding]:
    """Findings on shards below `store` that are missing, or that end before their last sample."""
    sizes = {file.key.removeprefix("shards/"): file.size for file in store.list("shards")}
    missing = [name for name in sorted(needed) if name not in sizes]
    truncated = [
        f"{name} ({sizes[name]:,} bytes, its samples end at {end:,})"
        for name, end in sorted(needed.items())
        if sizes.get(name, end) < end
    ]
    for problem, names in (("missing", missing), ("cut off", truncated)):
        if names:
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            yield error(
                "shards",
                f"{len(names)} of {len(needed)} shards of {store.uri} {'is' if len(names) == 1 else 'are'} {problem}: "
                f"{', '.join(names[:_LISTED])}{more}; {fix}",
            )

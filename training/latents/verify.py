"""Re-reads a latent cache and compares it with the dataset: nothing missing, changed, of a wrong shape or not finite.

just encode <dataset> --recipe demo --out datasets/demo-latents --verify
"""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq
import torch

from pipeline.storage.store import Store
from schemas.errors import DatasetError
from training.data.shapes import ClipShape
from training.latents.entry import Entry, from_member
from training.latents.settings import CacheSettings, read_settings
from training.latents.source import Part
from training.latents.table import LATENTS
from training.latents.write import INDEX, UNCONDITIONAL


def verify_cache(cache: Store, parts: Sequence[Part]) -> Iterator[str]:
    """Problems, one sentence each. `parts` are those of the present dataset and recipe."""
    settings = read_settings(cache)
    try:
        rows = {row["key"]: row for row in LATENTS.check(pq.read_table(io.BytesIO(cache.read(INDEX)))).to_pylist()}
        cache.read(UNCONDITIONAL)
    except FileNotFoundError as error:
        yield f"{error.filename or INDEX} is missing: the cache is not finished"
        return
    for part in parts:
        for sample, key in zip(part.samples, part.keys, strict=True):
            name = f"{sample.sample_id} at {part.shape}"
            row = rows.get(key)
            if row is None:
                yield f"{name}: no entry for these bytes and settings (key {key})"
            elif row["status"] != "ok":
                yield f"{name}: could not be encoded: {row['error']}"
            else:
                yield from (f"{name}: {problem}" for problem in _check(cache, settings, row, part.shape))


def _check(cache: Store, settings: CacheSettings, row: Mapping[str, Any], shape: ClipShape) -> Iterator[str]:
    try:
        member = cache.read_range(f"shards/{row['shard']}", row["offset"], row["offset"] + row["size"])
    except FileNotFoundError:
        yield f"{row['shard']} is missing"
        return
    if hashlib.sha256(member).hexdigest() != row["checksum"]:
        yield f"{row['shard']} at {row['offset']}: bytes differ from their checksum"
        return
    try:
        entry = Entry.from_bytes(from_member(member))
    except DatasetError as error:
        yield str(error)
        return
    if entry.key != row["key"]:
        yield f"holds the entry of another key ({entry.key})"
    expected = settings.latent_shape(shape)
    if tuple(entry.mean.shape) != expected or entry.std.shape != entry.mean.shape:
        yield f"latents are {tuple(entry.mean.shape)}, expected {expected}"
    if not (torch.isfinite(entry.mean).all() and torch.isfinite(entry.std).all()):
        yield "latents are not finite"
    for caption in {caption for caption in entry.captions.values() if caption}:
        embeddings = entry.embeddings.get(caption)
        if embeddings is None:
            yield f"caption {caption[:40]!r} has no embeddings"
        elif embeddings.shape[1] != settings.text_width or len(embeddings) > settings.text_length:
            yield (
                f"text embeddings are {tuple(embeddings.shape)}, expected up to {settings.text_length} tokens of "
                f"{settings.text_width}"
            )
        elif not torch.isfinite(embeddings).all():
            yield "text embeddings are not finite"

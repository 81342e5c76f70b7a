"""Fills a latent cache part by part: each tar appears atomically, then its rows; a killed run resumes at the next part.

A sample that cannot be read becomes a failed row with the reason and does not end the run. Once all parts are written,
their rows become one `index.parquet`, which lists what the present dataset and recipe need and nothing older.

    just encode <dataset> --recipe demo --out datasets/demo-latents
"""

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from pipeline.storage.store import Store
from schemas.errors import MediaError
from training.data.reading import Pixels
from training.encoders.base import TextEncoder, VideoCodec
from training.latents.entry import Entry, to_member
from training.latents.pixels import read_sample
from training.latents.settings import DTYPES, CacheSettings
from training.latents.source import Part
from training.latents.table import LATENTS

INDEX, UNCONDITIONAL = "index.parquet", "unconditional.safetensors"
_END = bytes(1024)  # two empty blocks end a tar
_Row = dict[str, Any]


class LatentWriter:
    """Encodes the parts of a dataset into a cache whose settings were written by `claim`."""

    def __init__(
        self, dataset: Store, cache: Store, settings: CacheSettings, codec: VideoCodec, text: TextEncoder
    ) -> None:
        self._dataset, self._cache, self._settings = dataset, cache, settings
        self._codec, self._text = codec, text
        self._dtype = DTYPES[settings.precision]

    def write(self, parts: Sequence[Part], done: Callable[[Part, int], None]) -> pa.Table:
        """Encode missing parts, and write and return the index. `done` is called with each part and its failures."""
        self._cache.remove_temporary()
        self._write_unconditional()
        existing = {file.key for folder in ("parts", "shards") for file in self._cache.list(folder)}
        for part in parts:
            failed = 0
            if not self._is_done(part, existing):
                failed = self._write_part(part)
            done(part, failed)
        tables = [self._rows(part) for part in parts]
        index = LATENTS.check(pa.concat_tables([LATENTS.empty(), *tables]))
        self._cache.write(INDEX, _to_parquet(index))
        return index

    def _is_done(self, part: Part, existing: set[str]) -> bool:
        """Whether a part has its tar and its rows, and none failed: failed samples are retried in every run."""
        if not {_part_key(part), f"shards/{part.name}.tar"} <= existing:
            return False
        return "failed" not in self._rows(part)["status"].to_pylist()

    def _rows(self, part: Part) -> pa.Table:
        return pq.read_table(io.BytesIO(self._cache.read(_part_key(part))))

    def _write_unconditional(self) -> None:
        embeddings = self._text.encode([""])[0]
        entry = Entry("", torch.zeros(0), torch.zeros(0), {}, {"": embeddings})
        self._cache.write(UNCONDITIONAL, entry.to_bytes(self._dtype))

    def _write_part(self, part: Part) -> int:
        shard, offset = f"{part.name}.tar", 0
        rows: list[_Row] = []
        with self._cache.writing(f"shards/{shard}") as file:
            for sample, key in zip(part.samples, part.keys, strict=True):
                row: _Row = {
                    "key": key,
                    "sample_id": sample.sample_id,
                    "clip_id": sample.clip_id,
                    "split": sample.split,
                    "shape": str(part.shape),
                }
                try:
                    pixels, captions = read_sample(self._dataset, sample, part.shape)
                except MediaError as error:
                    rows.append(LATENTS.failed_row(key, str(error), 1, row))
                    continue
                member = to_member(sample.sample_id, self._encode(key, pixels, captions).to_bytes(self._dtype))
                file.write(member)
                checksum = hashlib.sha256(member).hexdigest()
                location = {"shard": shard, "offset": offset, "size": len(member), "checksum": checksum}
                rows.append({**row, **location, "status": "ok", "error": None, "attempts": 1})
                offset += len(member)
            file.write(_END)
        # Writing the rows commits the part: without them the tar is written again.
        self._cache.write(_part_key(part), _to_parquet(LATENTS.table(rows)))
        return sum(row["status"] == "failed" for row in rows)

    def _encode(self, key: str, pixels: Pixels, captions: Mapping[str, str]) -> Entry:
        mean, std = self._codec.encode(pixels)
        texts = sorted({text for text in captions.values() if text})
        embeddings: dict[str, Tensor] = dict(zip(texts, self._text.encode(texts), strict=True)) if texts else {}
        return Entry(key, mean, std, captions, embeddings)


def _part_key(part: Part) -> str:
    return f"parts/{part.name}.parquet"


def _to_parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()

"""Reads a latent cache: one ranged read per sample. A cache that other encoders made is refused.

cache = LatentShards("datasets/demo-latents", codec.identity, text.identity)
sample = cache.sample(sample_id, clip_id, shape, lambda captions: captions["dense"])
"""

import io
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.storage.store import Store
from schemas.errors import DatasetError, MediaError
from schemas.nearest import closest
from training.data.batch import LatentSample
from training.data.shapes import ClipShape
from training.latents.entry import Entry, from_member, pad
from training.latents.settings import read_settings
from training.latents.table import LATENTS
from training.latents.write import INDEX, UNCONDITIONAL

Choose = Callable[[Mapping[str, str]], str]


class LatentShards:
    """A finished cache. The index stays in Arrow, so that there are no Python objects per sample.

    Raises `DatasetError` if there is none, `ConfigError`, naming both identities, if other encoders made it.
    """

    def __init__(self, uri: str, codec_identity: str, text_identity: str) -> None:
        self.store = Store(uri)
        self.settings = read_settings(self.store)
        self.settings.require(codec_identity, text_identity, self.store.uri)
        try:
            table = pq.read_table(io.BytesIO(self.store.read(INDEX)))
            unconditional = Entry.from_bytes(self.store.read(UNCONDITIONAL))
        except FileNotFoundError:
            raise DatasetError(
                f"latent cache {self.store.uri} is not finished; run the same `just encode` again"
            ) from None
        self._table = LATENTS.check(table).sort_by([("shape", "ascending"), ("sample_id", "ascending")])
        self._unconditional = pad(unconditional.embeddings[""], self.settings.text_length)
        self._first_of, self._ids = self._arrange()

    def _arrange(self) -> tuple[dict[str, tuple[int, int]], pa.LargeStringArray]:
        """The first and last row of each shape, and all ids, which are sorted within a shape."""
        shapes = self._table["shape"].to_numpy() if len(self._table) else np.array([], object)
        edges = [0, *(np.flatnonzero(shapes[1:] != shapes[:-1]) + 1).tolist(), len(shapes)]
        spans = {shapes[first]: (first, last) for first, last in pairwise(edges) if last > first}
        return spans, self._table["sample_id"].cast(pa.large_string()).combine_chunks()

    def __len__(self) -> int:
        return len(self._table)

    def ends(self) -> dict[str, int]:
        """The byte of every shard at which its last entry ends."""
        encoded = self._table.filter(pc.equal(self._table["status"], "ok"))
        ends = pa.table({"shard": encoded["shard"], "end": pc.add(encoded["offset"], encoded["size"])})
        last = ends.group_by("shard").aggregate([("end", "max")])
        return dict(zip(last["shard"].to_pylist(), last["end_max"].to_pylist(), strict=True))

    def row(self, sample_id: str, shape: ClipShape) -> int:
        """The row of a sample at a shape. Raises `DatasetError` if it was not encoded."""
        low, end = self._first_of.get(str(shape), (0, 0))
        if low == end:
            nearest = closest(str(shape), list(self._first_of))
            raise DatasetError(
                f"latent cache {self.store.uri} holds nothing at {shape}{f' (but at {nearest})' if nearest else ''}; "
                "run `just encode` with the recipe of the training run"
            )
        high = end
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._ids[middle].as_py() < sample_id else (low, middle)
        if low == end or self._ids[low].as_py() != sample_id:
            raise DatasetError(
                f"latent cache {self.store.uri} lacks sample {sample_id} at {shape}; run `just encode` again"
            )
        return low

    def entry(self, sample_id: str, shape: ClipShape) -> Entry:
        """A sample's moments, captions and embeddings.

        Raises `DatasetError` if it was not encoded, `MediaError` if the sample could not be read then.
        """
        row = self._table.slice(self.row(sample_id, shape), 1).to_pylist()[0]
        if row["status"] != "ok":
            raise MediaError(f"sample {sample_id} could not be encoded: {row['error']}")
        start = row["offset"]
        member = self.store.read_range(f"shards/{row['shard']}", start, start + row["size"])
        entry = Entry.from_bytes(from_member(member))
        if entry.key != row["key"]:
            raise DatasetError(
                f"latent cache {self.store.uri}: {row['shard']} at {start} holds key {entry.key}, the index says "
                f"{row['key']}; `just encode --verify` lists what is wrong"
            )
        return entry

    def sample(self, sample_id: str, clip_id: str, shape: ClipShape, choose: Choose) -> LatentSample:
        """A sample with the caption that `choose` picks among short, medium and dense; "" is the unconditional one.

        Raises the same errors as `entry`.
        """
        entry = self.entry(sample_id, shape)
        caption = choose(entry.captions)
        text = pad(entry.embeddings[caption], self.settings.text_length) if caption else self._unconditional
        return LatentSample(
            sample_id=sample_id,
            clip_id=clip_id,
            shape=shape,
            mean=entry.mean,
            std=entry.std,
            text=text,
        )

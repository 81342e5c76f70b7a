"""A finished dataset as Python reads it: tables, samples by id, shards, and a clip's history.

dataset = cutroom.open_dataset("datasets/demo")
dataset.table("captions").to_pylist()
dataset.sample(dataset.sample_ids[0]).description["captions"]["dense"]
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.measures.clips_table import CLIPS
from pipeline.readers.finding import find_clip
from pipeline.readers.history import History
from pipeline.readers.showing import MEDIA_TYPES, Samples
from pipeline.stage import Row
from schemas.caption_tables import CAPTIONS, EMBEDDINGS, FRAME_CAPTIONS, LABELS, OVERVIEWS, SCORES
from schemas.config import RunConfig
from schemas.contract import TableContract
from schemas.dataset_files import DUPLICATES_FILE, INDEX, LEDGER_FILE, SELECTION_FILE, SPANS_FILE
from schemas.errors import DatasetError, InputError
from schemas.media_tables import DUPLICATES, SPLITS, STILL_IMAGES, STILLS, VIDEOS
from schemas.nearest import did_you_mean
from schemas.outcome_tables import LEDGER, SAMPLE_SPANS, SAMPLES, SELECTION

if TYPE_CHECKING:
    import pandas as pd

_WHOLE = {
    "selection": (SELECTION_FILE, SELECTION),
    "duplicates": (DUPLICATES_FILE, DUPLICATES),
    "sample_spans": (SPANS_FILE, SAMPLE_SPANS),
    "samples": (INDEX, SAMPLES),
    "ledger": (LEDGER_FILE, LEDGER),
}
_OF_STAGES: Mapping[str, tuple[str, TableContract]] = {
    "videos": ("ingest", VIDEOS),
    "splits": ("split", SPLITS),
    "clips": ("split", CLIPS),
    "stills": ("split", STILLS),
    "still_images": ("split", STILL_IMAGES),
    "embeddings": ("embed", EMBEDDINGS),
    "labels": ("label", LABELS),
    "frame_captions": ("caption", FRAME_CAPTIONS),
    "overviews": ("overview", OVERVIEWS),
    "captions": ("summarise", CAPTIONS),
}
_SCORED = "score "  # what the record calls the stage of a scorer begins so


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a shard contains of a sample: the bytes of its clip or image, their media type, and its description."""

    sample_id: str
    media: bytes
    media_type: str
    description: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A tar of samples: its path below the dataset, its bucket and split, and how many samples and bytes it holds."""

    path: str
    bucket: str
    split: str
    samples: int
    bytes: int


class OpenedDataset:
    """The dataset at `uri` as its last run left it. Raises `DatasetError` for a folder that is none."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._dataset = Dataset(uri)
        self._history = History(self._dataset)
        self.record: Mapping[str, Any] = self._dataset.read_record()

    def __repr__(self) -> str:
        return f"OpenedDataset({self.uri!r})"

    @cached_property
    def config(self) -> RunConfig:
        """The configuration of the last run."""
        return self._history.config

    @property
    def tables(self) -> tuple[str, ...]:
        """The names that `table` takes."""
        stages = self.record["stages"]
        parts = [name for name, (stage, _) in _OF_STAGES.items() if stage in stages]
        scores = [f"scores/{name.removeprefix(_SCORED)}" for name in stages if name.startswith(_SCORED)]
        return (*parts, *scores, *_WHOLE)

    def table(self, name: str) -> pa.Table:
        """A table of the last run; `cutroom schemas` describes the columns. Raises `InputError` for another name."""
        return self._reader(name)()

    def to_pandas(self, name: str) -> "pd.DataFrame":
        """The same as a pandas frame."""
        frame: pd.DataFrame = self.table(name).to_pandas()
        return frame

    def _reader(self, name: str) -> Callable[[], pa.Table]:
        if name not in self.tables:
            raise InputError(f"{self.uri} has no table {name!r}; {did_you_mean(name, self.tables)}")
        if name in _WHOLE:
            return lambda: self._dataset.read_table(*_WHOLE[name])
        stage, contract = _OF_STAGES.get(name) or (_SCORED + name.split("/")[1], SCORES)
        return lambda: self._history.parts(name, stage, contract)

    @property
    def sample_ids(self) -> tuple[str, ...]:
        """The ids of all samples that ship, as in the index."""
        from pipeline.dataset.query import querying

        with querying(self._dataset.store) as connection:
            packed = self._dataset.relation(connection, INDEX, SAMPLES, ["sample_id", "status"]).filter("status = 'ok'")
            return tuple(packed.project("sample_id").order("sample_id").to_arrow_table()["sample_id"].to_pylist())

    @cached_property
    def _samples(self) -> Samples:
        return Samples(self._dataset)

    def sample(self, sample_id: str) -> Sample:
        """A sample by its id, read out of its shard. Raises `InputError` for an id that does not ship."""
        members = self._samples.members(sample_id)
        if members is None:
            raise InputError(f"no sample {sample_id!r} ships in {self.uri}; `sample_ids` lists them")
        found = [(suffix, members[suffix]) for suffix in MEDIA_TYPES if suffix in members]
        if not found or ".json" not in members:
            raise DatasetError(f"{self.uri}: the shard of {sample_id} does not hold it; `just verify` says more")
        (suffix, media), described = found[0], json.loads(members[".json"])
        return Sample(sample_id=sample_id, media=media, media_type=MEDIA_TYPES[suffix], description=described)

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Every shard, by path."""
        from pipeline.dataset.query import querying

        names = ["shard", "bucket", "split", "size", "status"]
        with querying(self._dataset.store) as connection:
            packed = self._dataset.relation(connection, INDEX, SAMPLES, names).filter("status = 'ok'")
            counted = packed.aggregate("shard, bucket, split, count(*), sum(size)::BIGINT", "shard, bucket, split")
            rows = counted.order("shard, bucket, split").fetchall()
        return tuple(
            Shard(path=f"shards/{path}", bucket=bucket, split=split, samples=samples, bytes=size)
            for path, bucket, split, samples, size in rows
        )

    def explain(self, text: str) -> Mapping[str, Sequence[Row]]:
        """What the dataset knows of one clip, by table; or of a video: its row of the ledger, and those within it.

        `text` is the id of a clip, sample or still or its beginning, or the key or id of a video, as for
        `cutroom explain`. Raises `InputError` for what is not there or is not one.
        """
        if found := self._history.of_video(text):
            return found
        return self._history.of_clip(find_clip(text, self._history.clips_like(text)))

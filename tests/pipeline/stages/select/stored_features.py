"""Features made up for tests, stored as a run stores them.

store_features(files, clips, vectors, hashes)
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.dataset.query import querying
from pipeline.stage import Row
from pipeline.stages.select.duplicates import WANTED
from pipeline.stages.select.feature_files import FeatureFiles, place
from pipeline.stages.select.features import ClipFeatures
from pipeline.stages.select.gather import Looks, gather_features
from pipeline.storage.store import Store


def gather(
    files: FeatureFiles,
    clips: pa.Table,
    stills: pa.Table,
    embedded: pa.Table,
    read: Callable[[Sequence[str]], Iterable[pa.Table]],
) -> int:
    """`gather_features` for tables in memory."""
    with querying(files.store) as connection:
        tables = (connection.from_arrow(table) for table in (clips, stills, embedded))
        looks = Looks(connection=connection, **dict(zip(("clips", "stills", "embedded"), tables, strict=True)))
        return gather_features(files, looks, read)


@contextmanager
def empty_files(folder: Path | str | None = None) -> Iterator[FeatureFiles]:
    """Files in a folder of their own, or those that are already in `folder`."""
    with TemporaryDirectory() as own, FeatureFiles(Store(folder or own), "embed-split") as files:
        yield files


def store_features(
    files: FeatureFiles, clips: Sequence[Row], vectors: NDArray[np.float32], hashes: Sequence[Sequence[int]]
) -> int:
    """Store a vector [D] and hashes for each clip; returns how many had none yet."""
    stills = [
        (f"{clip['clip_id']}-s{n:03}", clip["clip_id"], code)
        for clip, of in zip(clips, hashes, strict=True)
        for n, code in enumerate(of)
    ]
    ids = [clip["clip_id"] for clip in clips]
    embeddings = pa.table(
        {
            "still_id": pa.array([f"{key}-s000" for key in ids], pa.string()),
            "clip_id": pa.array(ids, pa.string()),
            "status": pa.array(["ok"] * len(ids), pa.string()),
            "vector": pa.array(list(np.asarray(vectors, np.float32)), pa.list_(pa.float32())),
            "part": pa.array(["part"] * len(ids), pa.string()),
        }
    )
    return gather(
        files,
        pa.table(
            {name: [clip[name] for clip in clips] for name in ("clip_id", "video_id", "shot", "kind", "duration")},
            schema=_CLIPS,
        ),
        pa.table([list(column) for column in zip(*stills, strict=True)] or [[], [], []], schema=_STILLS),
        embeddings.drop_columns(["vector"]),
        reader({"part": embeddings}),
    )


_CLIPS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("video_id", pa.string()),
        ("shot", pa.int32()),
        ("kind", pa.string()),
        ("duration", pa.float64()),
    ]
)
_STILLS = pa.schema([("still_id", pa.string()), ("clip_id", pa.string()), ("hash", pa.uint64())])


def reader(parts: dict[str, pa.Table], asked: list[str] | None = None) -> Callable[[Sequence[str]], Iterable[pa.Table]]:
    """Reads `parts`, and notes in `asked` which."""

    def read(names: Sequence[str]) -> Iterable[pa.Table]:
        for name in names:
            if asked is not None:
                asked.append(name)
            yield parts[name]

    return read


def wanted(clips: Sequence[Row]) -> pa.Table:
    """Those clips as the search for copies takes them."""
    return pa.table({name: [clip.get(name) for clip in clips] for name in WANTED.names}, schema=WANTED)


def places(files: FeatureFiles) -> NDArray[np.int64]:
    """All clips of the files."""
    return np.concatenate([place(number, np.arange(files.rows(number))) for number in files.numbers])


def places_of(files: FeatureFiles) -> dict[str, int]:
    """The place of every clip."""
    import pyarrow.parquet as pq

    tables = [pq.read_table(files.local(key)) for key in files.clips]
    return {row["clip_id"]: row["place"] for table in tables for row in table.to_pylist()}


def features_of(files: FeatureFiles) -> ClipFeatures:
    """Their features."""
    return ClipFeatures(files)

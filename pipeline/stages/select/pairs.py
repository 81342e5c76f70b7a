"""The pairs of clips that are copies of each other, whichever is better: found once, file by file, and only added to.

A pair is of two clips of the same kind, of different shots, that last equally long (to a quarter of a second), and
whose measures reach a floor: that of `DuplicateConfig` when they were searched. Which of them counts is settled in each
run (`duplicates.py`). A stricter setting reads the same pairs; a looser one has them searched anew, for its own floor.

    pairs/0.97_0.75_5.0/pairs-000003.parquet      pairs of a clip of file 3 and one of the files 0 to 3; absent: not yet

All clips with features are searched, also those that a rule drops: so another rule searches nothing, and what is found
does not depend on the selection of the day.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.stages.select import neighbours
from pipeline.stages.select.feature_files import FeatureFiles
from pipeline.stages.select.features import ClipFeatures
from pipeline.stages.select.neighbours import Pairs, exact_near, near_hashes
from schemas.config import DuplicateConfig

SAME_LENGTH_SECONDS = 0.25
_ROWS_PER_GROUP = 1 << 16
_JUDGED_AT_ONCE = 1 << 19
PAIRS = pa.schema(
    [
        ("first", pa.int64()),
        ("second", pa.int64()),
        ("similarity", pa.float64()),
        ("hash_distance", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True, order=True)
class Floor:
    """The loosest thresholds that pairs were searched for."""

    min_similarity: float
    min_hash_similarity: float
    max_hash_distance: float

    @classmethod
    def of(cls, config: DuplicateConfig) -> Self:
        """That of a configuration."""
        return cls(float(config.min_similarity), float(config.min_hash_similarity), float(config.max_hash_distance))

    @classmethod
    def read(cls, name: str) -> Self:
        """That of a folder."""
        similarity, hash_similarity, distance = map(float, name.split("_"))
        return cls(similarity, hash_similarity, distance)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.min_similarity!r}_{self.min_hash_similarity!r}_{self.max_hash_distance!r}"

    def serves(self, other: "Floor") -> bool:
        """Whether every pair that `other` asks for reaches this floor."""
        return (
            self.min_similarity <= other.min_similarity
            and self.min_hash_similarity <= other.min_hash_similarity
            and self.max_hash_distance >= other.max_hash_distance
        )


@dataclass(slots=True)
class StoredPairs:
    """The pairs under the floor that serves a configuration; of several, the one with the most files."""

    files: FeatureFiles
    config: DuplicateConfig
    floor: Floor = field(init=False)
    missing: list[int] = field(init=False)
    """Files whose pairs were not searched yet."""

    def __post_init__(self) -> None:
        stored: dict[Floor, set[str]] = {}
        for file in self.files.store.list(f"{self.files.root}/pairs"):
            *_, floor, name = file.key.split("/")
            if name.startswith("pairs-"):  # not what a killed writer left
                stored.setdefault(Floor.read(floor), set()).add(file.key)
        wanted = Floor.of(self.config)
        serving = [floor for floor in stored if floor.serves(wanted)]
        self.floor = max(serving, key=lambda floor: (len(stored[floor]), floor), default=wanted)
        there = stored.get(self.floor, set())
        self.missing = [number for number in self.files.numbers if self._key(number) not in there]

    @property
    def keys(self) -> list[str]:
        """The keys of the files of pairs."""
        return [self._key(number) for number in self.files.numbers if number not in self.missing]

    @property
    def unsearched(self) -> int:
        """How many clips must be searched for."""
        features = ClipFeatures(self.files)
        return sum(len(features.searched(number)) for number in self.missing)

    def search(self, done: Callable[[int], None]) -> None:
        """Find what is missing. `done` is told how many clips were searched for."""
        features = ClipFeatures(self.files)
        nearest = _Nearest(features, done)
        for number in list(self.missing):
            with self.files.store.writing(self._key(number)) as file, pq.ParquetWriter(file, PAIRS) as writer:
                for table in _grouped(
                    _judged(features, self.floor, pairs) for pairs in nearest.near(number, self.floor)
                ):
                    writer.write_table(table)
            self.missing.remove(number)
        nearest.close()

    def _key(self, number: int) -> str:
        return f"{self.files.root}/pairs/{self.floor.name}/pairs-{number:06d}.parquet"


class _Nearest:
    """Both searches for candidates; the index is opened for the first file that needs it."""

    def __init__(self, features: ClipFeatures, done: Callable[[int], None]) -> None:
        from pipeline.stages.select.vector_index import VectorIndex

        self._features = features
        self._done = done
        self._count = sum(len(features.searched(number)) for number in features.files.numbers)
        self._index = VectorIndex(features, self._count) if self._count > neighbours.EXACT_UP_TO else None

    def near(self, number: int, floor: Floor) -> Iterator[Pairs]:
        if self._index is not None:
            yield from self._index.near(number, floor.min_similarity, self._done)
        else:
            yield from exact_near(self._features, number, floor.min_similarity)
            self._done(len(self._features.searched(number)))
        yield from near_hashes(self._features, number, floor.max_hash_distance)

    def close(self) -> None:
        if self._index is not None:
            self._index.remove_others()


def _grouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer tables."""
    waiting = [PAIRS.empty_table()]
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= _ROWS_PER_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    yield pa.concat_tables([PAIRS.empty_table(), *waiting])


def _judged(features: ClipFeatures, floor: Floor, pairs: Pairs) -> pa.Table:
    """Those candidates that reach the floor."""
    parts = [pairs[start : start + _JUDGED_AT_ONCE] for start in range(0, len(pairs), _JUDGED_AT_ONCE)]
    return pa.concat_tables([PAIRS.empty_table(), *(_judge(features, floor, part) for part in parts)])


def _judge(features: ClipFeatures, floor: Floor, pairs: Pairs) -> pa.Table:
    pairs = pairs[_allowed(features, pairs)]
    lowest = min(floor.min_similarity, floor.min_hash_similarity)
    pairs = pairs[features.may_reach(lowest, pairs[:, 0], pairs[:, 1])]
    similarities = features.similarities(pairs[:, 0], pairs[:, 1])
    distances = features.hash_distances(pairs[:, 0], pairs[:, 1])
    by_hash = (distances <= floor.max_hash_distance) & (similarities >= floor.min_hash_similarity)
    reached = by_hash | (similarities >= floor.min_similarity)
    columns = [pairs[reached, 0], pairs[reached, 1], similarities[reached], distances[reached]]
    return pa.table(columns, schema=PAIRS)


def _allowed(features: ClipFeatures, pairs: Pairs) -> NDArray[np.bool_]:
    first, second = features.facts(pairs[:, 0]), features.facts(pairs[:, 1])
    near = np.abs(first["duration"] - second["duration"]) <= SAME_LENGTH_SECONDS
    allowed: NDArray[np.bool_] = near & (first["image"] == second["image"]) & (first["shot"] != second["shot"])
    return allowed

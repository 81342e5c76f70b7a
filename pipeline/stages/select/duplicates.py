"""Near-duplicate clips: the best copy stays, the others name it.

Two clips are copies if they last equally long (to a quarter of a second) and either the cosine of their mean still
embeddings reaches `min_similarity`, or their stills' hashes differ in at most `max_hash_distance` bits on average
while the embeddings agree to `min_hash_similarity`. Heavy recompression moves embeddings but hardly hashes; a crop
moves hashes but hardly embeddings. Pieces of one divided shot look alike by nature and are never copies of each other.

The best copy is the one with the most pixels, then frames per second, then bytes per second of its source, then the
highest aesthetic score. Clips are judged from the best down: one is a copy of the most similar of the better ones that
stay, so a copy always names a clip that stays.

Which clips look alike is found once and stored (`pairs.py`); who is better, and who is wanted at all, changes from run
to run, so that is settled anew in each, among the clips that have a pair. Clips that look exactly alike share a look
and have its pairs, so a pair of looks says all but the shots; and of the clips of a look that stay, only the best and
the best of another shot can be named. So ten thousand equal clips cost ten thousand steps, not all their pairs.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.dataset.query import Connection, parquet, querying
from pipeline.engine.progress import Progress
from pipeline.stages.select.feature_files import CLIPS, FeatureFiles
from pipeline.stages.select.pairs import PAIRS, StoredPairs
from schemas.config import DuplicateConfig
from schemas.media_tables import DUPLICATES

SCORE = "aesthetic"
_RANKED = ("width", "height", "fps", "bitrate", SCORE)
WANTED = pa.schema([("clip_id", pa.string()), *((name, pa.float64()) for name in _RANKED)])
"""The columns of the clips that are compared: rates per second, bytes per second, pixels; `SCORE` may be null."""


def find_copies(clips: pa.Table, files: FeatureFiles, config: DuplicateConfig, progress: Progress) -> pa.Table:
    """Duplicates among `clips`, given the features of these and others; a clip without any has no copies.

    `clips` have the columns `WANTED`. `progress` shows the search for pairs, if some clips were not searched yet.
    """
    pairs = StoredPairs(files, config)
    if pairs.missing:
        with progress.bar("find copies", pairs.unsearched) as advance:
            pairs.search(lambda clips: advance(clips, 0))
    with querying(files.store) as connection:
        connection.register("wanted", clips.select(WANTED.names))
        parquet(connection, files.store, files.clips, CLIPS).create_view("stored")
        parquet(connection, files.store, pairs.keys, PAIRS).create_view("pairs")
        edges, paired = _edges(connection, config), _paired(connection)
    return _settle(paired, edges)


def _edges(connection: Connection, config: DuplicateConfig) -> pa.Table:
    """The pairs of looks that are copies by this configuration: look, other, similarity, hash_distance; both ways.

    Left in the connection as `edges`.
    """
    query = """
        CREATE TEMP TABLE edges AS
        WITH near AS (
            SELECT * FROM pairs
            WHERE similarity >= $similarity OR (hash_distance <= $distance AND similarity >= $hash_similarity)
        ), looks AS (
            SELECT a.look AS look, b.look AS other, similarity, hash_distance
            FROM near JOIN stored a ON a.place = first JOIN stored b ON b.place = second
        )
        SELECT DISTINCT * FROM (SELECT * FROM looks UNION ALL SELECT other, look, similarity, hash_distance FROM looks)
    """
    thresholds = {
        "similarity": config.min_similarity,
        "distance": config.max_hash_distance,
        "hash_similarity": config.min_hash_similarity,
    }
    connection.execute(query, thresholds)
    return connection.sql("SELECT * FROM edges").to_arrow_table()


def _paired(connection: Connection) -> pa.Table:
    """The wanted clips that have a pair, with their look and shot. Of a clip's features the latest count."""
    query = """
        WITH latest AS (
            SELECT clip_id, arg_max(look, place) AS look, arg_max(shot, place) AS shot
            FROM stored SEMI JOIN wanted USING (clip_id) GROUP BY clip_id
        )
        SELECT wanted.*, look, shot FROM wanted JOIN latest USING (clip_id)
        SEMI JOIN edges USING (look)
    """
    return connection.sql(query).to_arrow_table()


def _settle(clips: pa.Table, edges: pa.Table) -> pa.Table:
    """Judge clips from the best down, by the pairs of looks."""
    clips = clips.take(_ranked(clips))
    looks, numbers = np.unique(clips["look"].to_numpy(), return_inverse=True)
    beside = _Beside.of(edges, looks)
    shots = clips["shot"].to_numpy()
    staying = _Staying(len(looks), len(clips))
    copies: list[tuple[int, int, int]] = []
    for clip, (look, shot) in enumerate(zip(numbers.tolist(), shots, strict=True)):
        near = beside.of_look(look)
        best = staying.best(beside.others[near], shot)
        stays = np.flatnonzero(best < len(clips))
        if not len(stays):
            staying.add(clip, look, shot)
            continue
        # The most similar come first; of equals the best.
        similarities = beside.similarities[near][stays]
        equal = stays[similarities == similarities[0]]
        pair = equal[np.argmin(best[equal])]
        copies.append((clip, int(best[pair]), near.start + int(pair)))
    chosen = np.array(copies, np.int64).reshape(-1, 3)
    table = pa.table(
        {
            "id": clips["clip_id"].take(chosen[:, 0]),
            "duplicate_of": clips["clip_id"].take(chosen[:, 1]),
            "similarity": beside.similarities[chosen[:, 2]],
            "hash_distance": beside.distances[chosen[:, 2]],
        }
    )
    return DUPLICATES.check(table.cast(DUPLICATES.schema).sort_by("id"))


@dataclass(frozen=True, slots=True)
class _Beside:
    """The pairs of each look, the most similar first: those of look n are `starts[n]` to `starts[n + 1]`."""

    starts: NDArray[np.int64]
    others: NDArray[np.int64]
    similarities: NDArray[np.float64]
    distances: NDArray[np.float64]

    @classmethod
    def of(cls, edges: pa.Table, looks: NDArray[np.uint64]) -> "_Beside":
        """Those between `looks`, which go by their index."""
        edge, other = edges["look"].to_numpy(), edges["other"].to_numpy()
        both = np.flatnonzero(np.isin(edge, looks) & np.isin(other, looks))
        numbers, others = np.searchsorted(looks, edge[both]), np.searchsorted(looks, other[both])
        similarities = edges["similarity"].to_numpy()[both]
        order = np.lexsort((others, -similarities, numbers))
        starts = np.searchsorted(numbers[order], np.arange(len(looks) + 1))
        distances = edges["hash_distance"].to_numpy()[both]
        return cls(starts, others[order], similarities[order], distances[order])

    def of_look(self, look: int) -> slice:
        """Where its pairs stand."""
        return slice(int(self.starts[look]), int(self.starts[look + 1]))


class _Staying:
    """Of each look, the best clip that stays, and the best of those of another shot. Clips go by their rank."""

    def __init__(self, looks: int, clips: int) -> None:
        self._first = np.full(looks, clips)
        self._shots = np.zeros(looks, np.uint64)
        self._second = np.full(looks, clips)
        self._none = clips

    def best(self, looks: NDArray[np.int64], shot: np.uint64) -> NDArray[np.int64]:
        """The best clip that stays of each look and is of another shot than `shot`; the number of clips if none is."""
        best: NDArray[np.int64] = np.where(self._shots[looks] == shot, self._second[looks], self._first[looks])
        # A look without any has shot 0, which may be a shot's number as well.
        return np.where(self._first[looks] == self._none, self._none, best)

    def add(self, clip: int, look: int, shot: np.uint64) -> None:
        """Say that a clip stays: better ones are there already."""
        if self._first[look] == self._none:
            self._first[look], self._shots[look] = clip, shot
        elif self._second[look] == self._none and self._shots[look] != shot:
            self._second[look] = clip


def _ranked(clips: pa.Table) -> NDArray[np.int64]:
    """The order of clips from the best down."""
    columns = {name: clips[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in _RANKED}
    # Frames per second are counted from times that containers round: only a tenth is a difference.
    rates = np.array([round(rate, 1) for rate in columns["fps"].tolist()])
    scores = np.nan_to_num(columns[SCORE], nan=-np.inf)
    pixels = columns["width"] * columns["height"]
    ids = clips["clip_id"].to_numpy(zero_copy_only=False)
    order: NDArray[np.int64] = np.lexsort((ids, -scores, -columns["bitrate"], -rates, -pixels))
    return order

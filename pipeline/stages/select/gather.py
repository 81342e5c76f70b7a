"""Stores the features of clips that have none yet: each is computed once, and embeddings are read for new clips only.

A clip is new if no file has it, or if more of its stills have been embedded since (a retry). Clips arrive in any order
and number; those of one call go to files of their own. What vanished stays in its file, and is ignored.

Clips that look exactly alike (the same vector, hashes, kind and duration) share a look, of which one clip is searched
for and the others are linked to it by the look's number: ten thousand black clips are one clip to the search. Pieces of
one shot are no copies of each other, so the search leaves them out, and a look needs a second clip, of another shot:
whatever shot a clip is of, one of the two is of another.

    gather_features(files, Looks(connection=connection, clips=clips, stills=stills, embedded=embedded), read)
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.dataset.folder import PART_COLUMN
from pipeline.dataset.query import parquet, querying
from pipeline.stages.score.scorers.base import unit_length
from pipeline.stages.select import feature_files
from pipeline.stages.select.feature_files import CLIPS, ROW, FeatureFiles, place

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

Read = Callable[[Sequence[str]], Iterable[pa.Table]]
_WITHOUT_FEATURES = """
    WITH latest AS (SELECT clip_id, arg_max(embedded, place) AS embedded FROM stored GROUP BY clip_id),
    counted AS (SELECT clip_id, count(*) AS embedded, max({part}) AS last FROM embedded GROUP BY clip_id)
    SELECT clip_id, embedded FROM counted ANTI JOIN latest USING (clip_id, embedded) ORDER BY last, clip_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What is known of clips when features are gathered, as relations of one connection.

    `clips` have clip_id, video_id, shot, kind and duration (seconds), `stills` still_id, clip_id and hash, `embedded`
    still_id, clip_id, status and part; more columns do no harm.
    """

    connection: "Connection"
    clips: "Relation"
    stills: "Relation"
    embedded: "Relation"


def gather_features(files: FeatureFiles, looks: Looks, read: Read) -> int:
    """Store the features of those clips that have embedded stills and no features yet; returns their number.

    `read` gives, part by part, the tables of the parts that it is asked for, with still_id, clip_id, status and vector.
    """
    embedded = looks.embedded.filter("status = 'ok'")
    files.remove_unfinished()
    new = _without_features(files, looks.connection, embedded)
    for start in range(0, len(new), feature_files.ROWS_PER_FILE):
        chunk = looks.connection.from_arrow(new.slice(start, feature_files.ROWS_PER_FILE))
        parts = _of(embedded, chunk).project(PART_COLUMN).distinct().order(PART_COLUMN).fetchall()
        number = files.new_number()
        with files.store.writing(files.key("vectors", number)) as file:
            means = _write_means(file, dict(chunk.fetchall()), read([part for (part,) in parts]))
        clips = _of(looks.clips, chunk).project("clip_id, video_id, shot, kind, duration")
        stills = _of(looks.stills, chunk).project("still_id, clip_id, hash")
        _write_facts(files, number, means, clips.to_arrow_table(), stills.to_arrow_table())
    return len(new)


def _without_features(files: FeatureFiles, connection: "Connection", embedded: "Relation") -> pa.Table:
    """clip_id and embedded of the clips without features, those of one part together."""
    stored = parquet(connection, files.store, files.clips, CLIPS)
    query = _WITHOUT_FEATURES.format(part=PART_COLUMN)
    named = {"stored": stored, "embedded": embedded}
    for name, relation in named.items():
        relation.create_view(name)
    found: pa.Table = connection.sql(query).to_arrow_table()
    return found


def _of(rows: "Relation", chunk: "Relation") -> "Relation":
    return rows.join(chunk.project("clip_id"), "clip_id", how="semi")


@dataclass(frozen=True, slots=True)
class _Means:
    """The clips of a file in its order, their embedded stills, and a digest of each vector."""

    clips: list[str]
    embedded: list[int]
    digests: list[bytes]


def _write_means(file: IO[bytes], wanted: Mapping[str, int], tables: Iterable[pa.Table]) -> _Means:
    """Write the mean vector of each wanted clip as soon as all its stills were seen, so that few wait in memory."""
    means = _Means([], [], [])
    waiting: dict[str, tuple[int, NDArray[np.float32]]] = {}
    for table in tables:
        ok = table.filter(pc.equal(table["status"], "ok"))
        part = ok.filter(
            pc.is_in(ok["clip_id"], value_set=pa.array([*{*ok["clip_id"].to_pylist()} & wanted.keys()], pa.string()))
        )
        if not len(part):
            continue
        part = part.sort_by("clip_id").combine_chunks()
        clips, firsts, counts = np.unique(part["clip_id"].to_numpy(), return_index=True, return_counts=True)
        values = pc.list_flatten(part["vector"]).to_numpy().reshape(len(part), -1)
        sums = np.add.reduceat(values, firsts, axis=0)
        whole = np.ones(len(clips), bool)
        for row, (clip, count) in enumerate(zip(clips.tolist(), counts.tolist(), strict=True)):
            if count < wanted[clip]:
                seen, before = waiting.pop(clip, (0, np.zeros(1, np.float32)))
                sums[row] += before
                whole[row] = seen + count == wanted[clip]
                if not whole[row]:
                    waiting[clip] = seen + count, sums[row].copy()
        vectors = unit_length(sums[whole]).astype(np.float16)
        if not file.tell():
            _write_header(file, (len(wanted), vectors.shape[1]))
        file.write(vectors.tobytes())
        means.clips.extend(clips[whole].tolist())
        means.embedded.extend(wanted[clip] for clip in clips[whole].tolist())
        means.digests.extend(hashlib.blake2b(vector.tobytes(), digest_size=16).digest() for vector in vectors)
    assert len(means.clips) == len(wanted), f"{len(wanted) - len(means.clips)} clips lack a still in the parts given"
    return means


def _write_header(file: IO[bytes], shape: tuple[int, int]) -> None:
    write_header: Callable[[IO[bytes], dict[str, object]], None] = np.lib.format.write_array_header_1_0
    write_header(file, {"descr": "<f2", "fortran_order": False, "shape": shape})


def _write_facts(files: FeatureFiles, number: int, means: _Means, clips: pa.Table, stills: pa.Table) -> None:
    """Write what else is known of the clips of a file; the table of ids commits it."""
    order = pa.array(means.clips, pa.string())
    clips = clips.take(pc.index_in(order, value_set=clips["clip_id"].combine_chunks()))
    stills = stills.append_column("row", pc.index_in(stills["clip_id"], value_set=order))
    stills = stills.sort_by([("row", "ascending"), ("still_id", "ascending")])
    hashes = stills["hash"].to_numpy().astype(np.uint64)
    counts = np.bincount(stills["row"].to_numpy(), minlength=len(order))
    rows = np.zeros(len(order), ROW)
    rows["stills"], rows["start"] = counts, np.cumsum(counts) - counts
    rows["image"] = pc.equal(clips["kind"], "image").to_numpy()
    rows["duration"] = clips["duration"].to_numpy()
    shots = zip(clips["video_id"].to_pylist(), clips["shot"].to_pylist(), strict=True)
    rows["shot"] = [_number(f"{video}\n{shot}".encode()) for video, shot in shots]
    rows["look"] = [
        _number(
            vector
            + row["image"].tobytes()
            + row["duration"].tobytes()
            + hashes[row["start"] :][: row["stills"]].tobytes()
        )
        for vector, row in zip(means.digests, rows, strict=True)
    ]
    rows["searched"] = _searched(files, rows["look"], rows["shot"])
    for kind, array in (("hashes", hashes), ("rows", rows)):
        with files.store.writing(files.key(kind, number)) as file:
            np.save(file, array, allow_pickle=False)
    columns: dict[str, Any] = {name: rows[name] for name in ("look", "shot", "searched")}
    places = place(number, np.arange(len(order)))
    table = pa.table({"place": places, "clip_id": order, "embedded": means.embedded, **columns}, schema=CLIPS)
    with files.store.writing(files.key("clips", number)) as file:
        pq.write_table(table, file, compression="zstd")
    files.committed(number)


def _searched(files: FeatureFiles, looks: NDArray[np.uint64], shots: NDArray[np.uint64]) -> list[bool]:
    """Which clips are the first of their look, or the first of its second shot."""
    with querying(files.store) as connection:
        connection.register("new", pa.table({"look": looks}))
        parquet(connection, files.store, files.clips, CLIPS).create_view("stored")
        query = "SELECT look, shot FROM stored SEMI JOIN new USING (look) WHERE searched"
        known = connection.sql(query).fetchall()
    only: dict[int, int | None] = {}  # the shot of a look; None if it has two

    def add(look: int, shot: int) -> bool:
        if look not in only:
            only[look] = shot
            return True
        if only[look] in (None, shot):
            return False
        only[look] = None
        return True

    for look, shot in known:
        add(look, shot)
    return [add(look, shot) for look, shot in zip(looks.tolist(), shots.tolist(), strict=True)]


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")

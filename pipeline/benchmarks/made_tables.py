"""The tables of a synthetic dataset of any size, written by DuckDB within seconds per million clips.

A film lasts 48 s and has four shots of 12 s, and a clip of random length in each. Every random number is a hash of the
film's number, so the tables are the same each time.

    make_tables("/tmp/tables", 1_000_000)
"""

from pathlib import Path

import duckdb

FOLDERS = (
    "videos", "splits", "clips", "stills", "scores_aesthetic", "scores_text_area", "frame_captions", "captions",
    "samples",
)  # fmt: skip
_CLIPS_PER_FILM = 4
_FILMS_PER_FILE = 25_000
_STATUS = "'ok' AS status, NULL::VARCHAR AS error, 1::INTEGER AS attempts"
_FAILED = "hash({key}, 9) % 100 = 0"
_SOMETIMES = (
    f"CASE WHEN {_FAILED} THEN 'failed' ELSE 'ok' END AS status,"
    f" CASE WHEN {_FAILED} THEN 'no answer' END AS error, 1::INTEGER AS attempts"
)
_FILMS = (
    "CREATE OR REPLACE TEMP TABLE films AS SELECT range AS number, left(md5(range::VARCHAR), 16) AS video_id"
    " FROM range($1, $2)"
)
_VIDEOS = """
SELECT 'o' || video_id AS object_id, video_id, 'films/' || number || '.mp4' AS key, 'video' AS kind, 0::DOUBLE AS
start_time, 48::DOUBLE AS duration, 50000000::BIGINT AS bytes,
[{'first_packet': 0::BIGINT, 'shift': 0::DOUBLE, 'start': 0::DOUBLE, 'end': 48::DOUBLE}] AS segments, STATUS
FROM films
"""
_SPLITS = """
SELECT video_id, [12, 24, 36]::DOUBLE[] AS boundaries, [{'start_time': 0::DOUBLE, 'end_time': 48::DOUBLE,
'width': 1280::INTEGER, 'height': 720::INTEGER, 'cause': 'start'}] AS parts, NULL::VARCHAR AS reason, STATUS
FROM films
"""
_CLIPS = """
SELECT clip_id, video_id, 'video' AS kind, shot, start_time, end_time, end_time - start_time AS duration,
24::DOUBLE AS fps, 1280::INTEGER AS width, 720::INTEGER AS height, 1280::INTEGER AS crop_width,
(CASE WHEN hash(clip_id, 5) % 20 = 0 THEN 200 ELSE 720 END)::INTEGER AS crop_height,
CASE WHEN hash(clip_id, 6) % 50 > 0 THEN (hash(clip_id, 1) % 1000000) / 1e4 END AS motion,
CASE WHEN hash(clip_id, 2) % 10 = 0 THEN 'static' ELSE 'handheld' END AS camera
FROM clips
"""
_SCORES = """
SELECT clip_id, '{name}' AS scorer, [{{'name': '{name}', 'value': (hash(clip_id, {salt}) % 1000000) / 1e6 * {scale}}}]
AS measures, 'ok' AS status, NULL::VARCHAR AS error, 1::INTEGER AS attempts FROM clips
"""
_STILLS = """
SELECT clip_id || '-s00' || ordinal AS still_id, clip_id, video_id, ordinal::INTEGER AS ordinal,
start_time + 0.25 + ordinal * (end_time - start_time) / 2 AS time, hash(clip_id, ordinal) AS hash,
unhex(repeat(md5(clip_id || ordinal), 12)) AS signature FROM clips, range(2) AS two(ordinal)
"""


def make_bucket(folder: str, clips: int) -> None:
    """Make a folder with an empty file for each film that so many clips are of."""
    for film in range(-(-clips // _CLIPS_PER_FILM)):
        path = Path(folder, f"{film // 1000:05d}", f"{film:08d}.mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def make_tables(folder: str, clips: int) -> None:
    """Write the tables that selection and spans read, for at least so many clips."""
    films = -(-clips // _CLIPS_PER_FILM)
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        for number, first in enumerate(range(0, films, _FILMS_PER_FILE)):
            last = min(films, first + _FILMS_PER_FILE)
            connection.execute(_FILMS, [first, last])
            connection.execute(
                "CREATE OR REPLACE TEMP TABLE clips AS SELECT video_id, shot::INTEGER AS shot, start_time, end_time,"
                " video_id || '-' || (start_time * 1000)::BIGINT || '-' || (end_time * 1000)::BIGINT AS clip_id FROM"
                " (SELECT *, start_time + 2 + (hash(number, shot) % 9600) / 1e3 AS end_time FROM (SELECT *, shot *"
                " 12::DOUBLE + CASE WHEN shot > 0 AND hash(number, shot, 3) % 3 = 0 THEN 0.25 ELSE 0 END AS start_time"
                " FROM films, range(4) AS shots(shot)))"
            )
            queries = {"videos": _VIDEOS.replace("STATUS", _STATUS), "splits": _SPLITS.replace("STATUS", _STATUS)}
            queries |= {"clips": _CLIPS, "stills": _STILLS}
            for salt, (name, scale) in enumerate((("aesthetic", 10), ("text_area", 0.25)), 3):
                queries[f"scores_{name}"] = _SCORES.format(name=name, salt=salt, scale=scale)
            for name, query in queries.items():
                _copy(connection, query, folder, name, number)


def make_outcomes(folder: str) -> None:
    """Write what captioning and packing would have made of the sample spans; one in a hundred rows fails."""
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        spans = f"read_parquet('{folder}/sample_spans/*.parquet')"
        stills = f"read_parquet('{folder}/stills/*.parquet')"
        of_sample, of_still = _SOMETIMES.format(key="sample_id"), _SOMETIMES.format(key="still_id")
        _copy(connection, f"SELECT sample_id, {of_sample} FROM {spans}", folder, "captions", 0)  # noqa: S608
        _copy(connection, f"SELECT still_id, {of_still} FROM {stills}", folder, "frame_captions", 0)  # noqa: S608
        _copy(connection, f"SELECT sample_id, {of_sample} FROM {spans}", folder, "samples", 0)  # noqa: S608


def _copy(connection: duckdb.DuckDBPyConnection, query: str, folder: str, name: str, number: int) -> None:
    target = Path(folder) / name
    target.mkdir(parents=True, exist_ok=True)
    connection.execute(f"COPY ({query}) TO '{target}/part-{number:06d}.parquet' (COMPRESSION snappy)")

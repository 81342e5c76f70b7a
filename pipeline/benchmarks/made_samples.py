"""Samples of a synthetic dataset of any size, with all that packing reads: spans, captions, and sources as columns.

Written by DuckDB over the clips of `made_tables.py`: two samples per clip, a still in each, captions of some 90 words.

    make_tables(folder, 1_000_000)
    make_samples(folder)
"""

from pathlib import Path

import duckdb

_SPANS = """
SELECT clip_id || '-384x256x33-8fps-' || ordinal AS sample_id, clip_id, '384x256x33@8' AS bucket, ordinal::INTEGER AS
ordinal, start_time + ordinal AS start_time, start_time + ordinal + 1 AS end_time,
[{'still_id': clip_id || '-s00' || ordinal, 'time': start_time + ordinal, 'hash': hash(clip_id, ordinal),
'signature': unhex(repeat(md5(clip_id || ordinal), 12))}] AS stills
FROM clips, range(2) AS two(ordinal)
"""
_CAPTIONS = """
SELECT sample_id, clip_id, left(md5(sample_id), 20) AS short, md5(sample_id) || ' ' || md5(clip_id) AS medium,
repeat(md5(sample_id) || ' ', 16) AS dense, [{'name': 'subject', 'value': md5(clip_id)}, {'name': 'light', 'value':
'low light'}] AS fields, 'tiny' AS summariser, 'tiny 1' AS model, 'a1b2' AS prompt_hash, NULL::VARCHAR AS fallback,
NULL::VARCHAR AS budget, 96::INTEGER AS tokens, 'estimate' AS token_counter, STATUS FROM spans
"""
_FRAMES = """
SELECT still.still_id AS still_id, 'frames' AS captioner, 'frames 1' AS model, 'c3d4' AS prompt_hash, STATUS
FROM (SELECT unnest(stills) AS still FROM spans)
"""
_STATUS = "'ok' AS status, NULL::VARCHAR AS error, 1::INTEGER AS attempts"
_FILES = {"spans": (_SPANS, "packing_spans"), "captions": (_CAPTIONS, "packing_captions"),
          "frames": (_FRAMES, "packing_frames")}  # fmt: skip


def make_samples(folder: str) -> None:
    """Write the spans, captions and frame captions of all clips of `make_tables`, file by file."""
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        for number, path in enumerate(sorted(Path(folder, "clips").glob("*.parquet"))):
            connection.execute(f"CREATE OR REPLACE VIEW clips AS SELECT * FROM read_parquet('{path}')")  # noqa: S608
            for name, (query, target) in _FILES.items():
                place = Path(folder, target, f"part-{number:06d}.parquet")
                place.parent.mkdir(exist_ok=True)
                query = query.replace("STATUS", _STATUS)
                connection.execute(f"COPY ({query}) TO '{place}' (COMPRESSION snappy)")
                connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet('{place}')")  # noqa: S608


def change_captions(folder: str, share: int) -> None:
    """Give one sample in `share` another caption."""
    with duckdb.connect() as connection:
        for path in sorted(Path(folder, "packing_captions").glob("*.parquet")):
            query = (
                f"SELECT * REPLACE (CASE WHEN hash(sample_id) % {share} = 0 THEN dense || '.' ELSE dense END AS dense)"
            )
            connection.execute(f"COPY ({query} FROM read_parquet('{path}')) TO '{path}.new' (FORMAT parquet)")
            Path(f"{path}.new").replace(path)

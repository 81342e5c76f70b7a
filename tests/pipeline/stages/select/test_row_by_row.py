"""Selection and sample spans as streams of tables give what plain Python gives clip by clip, to the last bit.

python -m pytest tests/pipeline/stages/select/test_row_by_row.py
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.query import querying
from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Row
from pipeline.stages.select import sample_spans
from pipeline.stages.select.measured import ScoreTable, columns_of_rules, measured_clips, shapes_of
from pipeline.stages.select.select import rules_of, select
from pipeline.storage.store import Store
from schemas.bucket import BUCKET_SETS, assign
from schemas.bucket_arrays import Shapes, assign_all
from schemas.caption_tables import SCORES
from schemas.config import PackConfig, RunConfig, SelectConfig
from schemas.media_tables import DUPLICATES
from schemas.named_values import list_of
from schemas.outcome_tables import SAMPLE_SPANS, SELECTION, STILL_SEEN
from tests.pipeline import row_by_row
from tests.pipeline.funnel_by_rows import shape_of

RULES = [
    "aesthetic in top 50%", "aesthetic >= 4.5", "motion in middle 60%", "motion in bottom 75%", "fps >= 16",
    "duration in top 80%", "camera != static", "camera == handheld", "width >= 300", "text_area < 0.05", "cogvideox",
]  # fmt: skip
BUCKETS = [["first-stage"], ["cogvideox"], ["64x64x17@8", "64x64x1"], ["64x64x1"], ["128x64x17@12.5", "64x128x17@12.5"]]
numbers = st.one_of(st.none(), st.integers(0, 9).map(float), st.floats(0, 10))
sizes = st.sampled_from([63, 64, 128, 256, 384, 480, 720, 1280])


@st.composite
def clip_rows(draw: st.DrawFn) -> list[Row]:
    """Rows of the clips table; times are often multiples of a frame, where rounding decides."""
    keys = draw(st.lists(st.text("abc-01é", min_size=1, max_size=4), max_size=12, unique=True))
    rows = []
    for key in keys:
        image = draw(st.booleans()) and draw(st.booleans())
        start = 0.0 if image else draw(st.one_of(st.floats(0, 100), st.integers(0, 800).map(lambda frame: frame / 8)))
        seconds = 0.0 if image else draw(st.one_of(st.floats(0.01, 30), st.integers(1, 240).map(lambda n: n / 8)))
        row: Row = {column.name: None if column.optional else 0.0 for column in CLIPS.columns}
        row.update(clip_id=key, video_id="v", kind="image" if image else "video", shot=0, start_time=start)
        row.update(
            end_time=start + seconds, duration=seconds, fps=0.0 if image else draw(st.sampled_from([7.9, 8, 24.0]))
        )
        row.update(start_frame=0, end_frame=1, rotation=0, mirrored=False, motion=draw(numbers))
        row.update(camera=draw(st.sampled_from([None, "static", "handheld"])))
        for name in ("width", "height", "crop_width", "crop_height"):
            row[name] = draw(sizes)
        rows.append({**row, "crop_left": 0, "crop_top": 0})
    return rows


@st.composite
def score_tables(draw: st.DrawFn, clips: Sequence[Row]) -> list[list[Row]]:
    """Rows of scores tables: failures, values in another order, clips without a row."""
    tables = []
    for scorer, names in (
        ("beauty", ["aesthetic", "aesthetic_min"]),
        ("text", ["text_area"]),
        ("other", ["aesthetic"]),
    ):
        rows = []
        for clip in clips:
            ok = draw(st.integers(0, 4)) > 0
            values = {
                name: draw(numbers.filter(lambda value: value is not None)) for name in draw(st.permutations(names))
            }
            known = {"clip_id": clip["clip_id"], "scorer": scorer, "measures": list_of(values) if ok else None}
            rows.append({**known, "status": "ok" if ok else "failed", "error": None if ok else scorer, "attempts": 1})
        tables.append([row for row in rows if draw(st.integers(0, 9)) > 0])
    return tables


def copies_among(clips: Sequence[str]) -> pa.Table:
    """Every third clip is called a copy of the one before it."""
    pairs = [pair for place, pair in enumerate(itertools.pairwise(sorted(clips))) if place % 3 == 1]
    return DUPLICATES.table(
        {"id": key, "duplicate_of": original, "similarity": 0.9876, "hash_distance": 2.25} for original, key in pairs
    )


@given(st.data(), st.lists(st.sampled_from(RULES), max_size=4), st.sampled_from(BUCKETS), st.booleans())
@settings(max_examples=60, deadline=None)
def test_selection(data: st.DataObject, rules: list[str], buckets: list[str], upscale: bool) -> None:
    rows = data.draw(clip_rows())
    scores = data.draw(score_tables(rows))
    config = RunConfig(select=SelectConfig(rules=rules), pack=PackConfig(buckets=buckets, allow_upscale=upscale))
    tables = [SCORES.table(table) for table in scores]
    measured, failures = row_by_row.with_measures(CLIPS.table(rows), tables)
    expected, copies = row_by_row.select(
        measured, config, failures, lambda kept: copies_among([clip["clip_id"] for clip in kept])
    )
    measures = [("aesthetic", "aesthetic_min"), ("text_area",), ("aesthetic",)]
    with querying(Store("/nowhere")) as connection:
        relations = [
            ScoreTable(connection.from_arrow(table), names) for table, names in zip(tables, measures, strict=True)
        ]
        columns = columns_of_rules(rules_of(config))
        stream, duplicates = select(
            connection,
            measured_clips(connection.from_arrow(CLIPS.table(rows)), relations, columns),
            config,
            lambda kept: copies_among([key for (key,) in kept.project("clip_id").fetchall()]),
        )
        assert pa.concat_tables([SELECTION.empty(), *stream]).equals(expected)
        assert duplicates.equals(copies)


@given(clip_rows(), st.sampled_from(list(BUCKET_SETS)), st.booleans())
@settings(max_examples=100, deadline=None)
def test_buckets(rows: list[Row], name: str, upscale: bool) -> None:
    table = CLIPS.table(rows)
    assigned = assign_all(shapes_of(table), BUCKET_SETS[name], upscale)
    for place, row in enumerate(rows):
        expected = assign(shape_of(row), BUCKET_SETS[name], upscale)
        if isinstance(expected, str):
            assert assigned.buckets[place] == -1
        else:
            assert BUCKET_SETS[name][assigned.buckets[place]] == expected.bucket
            assert assigned.samples[place] == expected.samples


def cut(table: pa.Table, sizes: Iterator[int]) -> Iterator[pa.Table]:
    """A table as a stream of pieces of these sizes."""
    at = 0
    while at < len(table):
        size = next(sizes)
        yield table.slice(at, size)
        at += size


@given(clip_rows(), st.data(), st.integers(1, 3), st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_spans(rows: list[Row], data: st.DataObject, most: int, piece: int) -> None:
    config = RunConfig(pack=PackConfig(buckets=["64x64x17@8", "64x64x1"], max_samples_per_clip=most))
    fitting = [row for row in rows if not isinstance(assign(shape_of(row), config.buckets()), str)]
    fitting.sort(key=lambda row: str(row["clip_id"]))
    eighths = st.lists(st.integers(-4, 100), max_size=5)
    stills = [
        {
            "clip_id": row["clip_id"], "still_id": f"{row['clip_id']}{place}", "hash": place, "signature": b"s",
            "time": row["start_time"] + eighth / 8,
        }
        for row in rows
        for place, eighth in enumerate(data.draw(eighths))
    ]  # fmt: skip
    expected = row_by_row.plan_spans(fitting, stills, config)
    table = pa.Table.from_pylist(sorted(stills, key=_place), schema=STILLS_READ)
    clips = CLIPS.table(fitting)
    planned = sample_spans.plan_spans(cut(clips, itertools.repeat(piece)), cut(table, itertools.cycle([2, 1])), config)
    assert pa.concat_tables([SAMPLE_SPANS.empty(), *planned]).equals(expected)


def _place(still: Mapping[str, Any]) -> tuple[str, float, str]:
    return still["clip_id"], still["time"], still["still_id"]


STILLS_READ = pa.schema([("clip_id", pa.string()), *STILL_SEEN])


def test_shapes_have_the_length_of_their_arrays() -> None:
    shapes = shapes_of(CLIPS.empty())
    assert isinstance(shapes, Shapes)
    assert len(shapes) == 0

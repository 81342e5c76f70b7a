"""Described samples: the join of DuckDB gives what joining row by row gave, and its hash says what changed.

python -m pytest tests/pipeline/stages/pack/test_described.py
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.query import querying
from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Row
from pipeline.stages.encode.rows import planned_rows, wanted_rows
from pipeline.stages.pack.described import DescribedTables, described_samples, inputs_of_samples, with_texts
from pipeline.stages.pack.samples import plan_samples
from pipeline.stages.select.measured import ScoreTable
from pipeline.storage.store import Store
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS, SCORES
from schemas.config import RunConfig, ScoreConfig
from schemas.contract import TableContract
from schemas.media_tables import VIDEOS
from schemas.named_values import list_of
from schemas.outcome_tables import SAMPLE_SPANS
from tests.pipeline.joined_samples import described_by_rows, joined_samples

CONFIG = RunConfig(score=ScoreConfig(scorers=["aesthetic_ridge"], heads=["heads/my taste.pt"]))
texts = st.text(max_size=6) | st.sampled_from(['say "so"', "naïve", "a\nb"])
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, 1e-5, 1e16, 2.0])
statuses = st.sampled_from(["ok", "ok", "failed"])


@dataclass(frozen=True)
class Tables:
    """The rows of the tables before packing."""

    spans: list[Row] = field(default_factory=list)
    clips: list[Row] = field(default_factory=list)
    aesthetic: list[Row] = field(default_factory=list)
    taste: list[Row] = field(default_factory=list)
    videos: list[Row] = field(default_factory=list)
    frames: list[Row] = field(default_factory=list)
    captions: list[Row] = field(default_factory=list)

    def described(self, fingerprints: Sequence[str] = ("e", "s"), config: RunConfig = CONFIG) -> pa.Table:
        """The described samples with their inputs, sorted by id."""
        with querying(Store("/")) as connection:

            def relation(contract: TableContract, rows: list[Row]) -> Any:
                return connection.from_arrow(pa.Table.from_pylist(rows, schema=contract.schema))

            tables = DescribedTables(
                spans=relation(SAMPLE_SPANS, self.spans),
                clips=relation(CLIPS, self.clips),
                scores=[
                    ScoreTable(relation(SCORES, self.aesthetic), ("aesthetic", "aesthetic_min")),
                    ScoreTable(relation(SCORES, self.taste), ("my taste",)),
                ],
                videos=relation(VIDEOS, self.videos),
                frames=relation(FRAME_CAPTIONS, self.frames),
                captions=relation(CAPTIONS, self.captions),
            )
            inputs = inputs_of_samples(connection, tables, config, fingerprints)
            rows = described_samples(connection, tables, config).join(inputs, "sample_id")
            assert len(rows) == len(inputs)
            return rows.order("sample_id").to_arrow_table()

    def by_rows(self) -> pa.Table:
        """The same as it was joined before."""
        scores = (self.aesthetic, self.taste)
        described = described_by_rows(
            self.spans, self.clips, scores, self.videos, self.frames, self.captions, CONFIG.score, "s"
        )
        return joined_samples(self.spans, described)


def _filled(contract: TableContract, **known: object) -> Row:
    """A row of a table; what is not known has some value of its type."""

    def value(kind: pa.DataType) -> object:
        if pa.types.is_string(kind):
            return "t"
        return [] if pa.types.is_list(kind) else pa.scalar(3).cast(kind).as_py()

    return {column.name: value(column.type) for column in contract.columns} | {"error": None} | known


@st.composite
def tables(draw: st.DrawFn) -> Tables:
    """Two sources with up to three clips each, which have one or two samples; some rows failed."""
    made = Tables()
    for video in draw(st.lists(st.sampled_from("vw"), max_size=2, unique=True)):
        segments = [{"first_packet": 0, "shift": 0.0, "start": 0.0, "end": draw(st.floats(1, 2))}]
        made.videos.append(_filled(VIDEOS, object_id=video, video_id=video, key=draw(texts), segments=segments))
        for number in range(draw(st.integers(0, 3))):
            clip = f"{video}-{number}"
            camera = draw(st.none() | texts)
            motion = {name: draw(numbers) for name in ("motion", "frozen", "bits_per_pixel")}
            made.clips.append(_filled(CLIPS, clip_id=clip, video_id=video, camera=camera, **motion))
            _score(made.aesthetic, clip, draw, ("aesthetic", "aesthetic_min"))
            _score(made.taste, clip, draw, ("my taste",))
            for ordinal in range(draw(st.integers(1, 2))):
                _sample(made, clip, f"{clip}-{ordinal}", draw)
    return made


def _score(rows: list[Row], clip: str, draw: st.DrawFn, names: Sequence[str]) -> None:
    order = draw(st.permutations(names))
    measures = list_of({name: draw(numbers) for name in order[: draw(st.integers(0, len(names)))]})
    rows.append({"clip_id": clip, "scorer": "x", "measures": measures, "status": draw(statuses), "attempts": 1})


def _sample(made: Tables, clip: str, sample: str, draw: st.DrawFn) -> None:
    stills = [
        {"still_id": f"{sample}-s{place}", "time": float(place), "hash": 2**64 - 1 - place, "signature": b"\x00\xff"}
        for place in range(draw(st.integers(1, 3)))
    ]
    span = _filled(SAMPLE_SPANS, sample_id=sample, clip_id=clip, stills=stills, bucket="64x64x17@8")
    made.spans.append(span)
    makers = [draw(st.sampled_from(["one", "two"])) for _ in stills]
    frames = [
        _filled(FRAME_CAPTIONS, still_id=still["still_id"], clip_id=clip, captioner=maker, status=draw(statuses))
        for still, maker in zip(stills, makers, strict=True)
    ]
    made.frames.extend(frames)
    if any(frame["status"] == "ok" for frame in frames):
        fields = list_of(draw(st.dictionaries(st.sampled_from(["subject", "light"]), texts)))
        words = {"dense": draw(texts), "fallback": draw(st.none() | texts), "budget": None}
        known = {"sample_id": sample, "clip_id": clip, "fields": fields, "status": draw(statuses)}
        made.captions.append(_filled(CAPTIONS, **known, **words))


@given(tables())
@settings(max_examples=25, deadline=None)
def test_the_join_gives_what_joining_row_by_row_gave(made: Tables) -> None:
    expected = made.by_rows()
    described = made.described()
    assert with_texts(described, "s").equals(expected)
    plans = [plan_samples(joined, CONFIG, "encode") for joined in (with_texts(described, "s"), expected)]
    assert plans[0].equals(plans[1])


@given(tables())
@settings(max_examples=15, deadline=None)
def test_what_is_encoded_before_it_is_packed_is_what_packing_wants(made: Tables) -> None:
    wanted = planned_rows(plan_samples(with_texts(made.described(), "s"), CONFIG, "encode")).sort_by("sample_id")
    spans, clips, videos = (
        pa.Table.from_pylist(rows, schema=contract.schema)
        for rows, contract in ((made.spans, SAMPLE_SPANS), (made.clips, CLIPS), (made.videos, VIDEOS))
    )
    spans = spans.filter(pc.is_in(spans["sample_id"], value_set=wanted["sample_id"].combine_chunks()))
    assert wanted_rows(spans, clips, videos, "encode").sort_by("sample_id").equals(wanted)


def _one() -> Tables:
    made = Tables()
    made.videos.append(_filled(VIDEOS, object_id="v", video_id="v"))
    made.clips.append(_filled(CLIPS, clip_id="v-0", video_id="v"))
    made.aesthetic.append(
        {"clip_id": "v-0", "scorer": "x", "measures": list_of({"aesthetic": 1.0}), "status": "ok", "attempts": 1}
    )
    still = {"still_id": "v-0-s0", "time": 0.0, "hash": 1, "signature": b"\x00"}
    made.spans.append(_filled(SAMPLE_SPANS, sample_id="v-0-0", clip_id="v-0", stills=[still], bucket="64x64x17@8"))
    made.frames.append(_filled(FRAME_CAPTIONS, still_id="v-0-s0", clip_id="v-0", status="ok"))
    made.captions.append(_filled(CAPTIONS, sample_id="v-0-0", clip_id="v-0", status="ok"))
    return made


def _changed(table: str, **values: object) -> Tables:
    return replace(_one(), **{table: [{**row, **values} for row in getattr(_one(), table)]})


def _inputs(made: Tables, **how: Any) -> int:
    (value,) = made.described(**how)["inputs"].to_pylist()
    assert isinstance(value, int)
    return value


@pytest.mark.parametrize(
    "change",
    [
        lambda: _changed("spans", start_time=9.0),
        lambda: _changed("spans", bucket="64x64x33@8"),
        lambda: _changed("spans", stills=[{**_one().spans[0]["stills"][0], "signature": b"\x01"}]),
        lambda: _changed("clips", crop_left=9),
        lambda: _changed("clips", motion=0.5),
        lambda: _changed("clips", camera="other"),
        lambda: _changed("aesthetic", measures=list_of({"aesthetic": 2.0})),
        lambda: _changed("aesthetic", status="failed"),
        lambda: _changed("videos", key="elsewhere.mp4"),
        lambda: _changed("videos", field_order=None),
        lambda: _changed("frames", model="other"),
        lambda: _changed("captions", dense="other"),
        lambda: _changed("captions", fields=list_of({"subject": "a dog"})),
        lambda: _changed("captions", budget="cut"),
        lambda: _changed("captions", model="other"),
    ],
)
def test_whatever_decides_a_sample_changes_its_inputs(change: Callable[[], Tables]) -> None:
    before, after = _one(), change()
    assert _inputs(before) != _inputs(after)
    assert before.by_rows() != after.by_rows()


def test_inputs_depend_on_the_stages_and_the_settings_but_not_on_where_a_source_is() -> None:
    before = _inputs(_one())
    assert before == _inputs(_one()) == _inputs(_changed("videos", uri="s3://b/film.mp4", bytes=9, version="new"))
    shared = CONFIG.model_copy(update={"pack": CONFIG.pack.model_copy(update={"validation_share": 0.5})})
    others = [_inputs(_one(), fingerprints=("other", "s")), _inputs(_one(), config=shared)]
    assert len({before, *others}) == 3

"""The planned samples: split by source, with digests of what they say, whatever the order of the input.

python -m pytest tests/pipeline/stages/pack/test_samples.py
"""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stage import Row
from pipeline.stages.pack.samples import PLAN_SCHEMA, plan_samples, split_of
from schemas.config import PackConfig, RunConfig
from schemas.ids import clip_id
from tests.pipeline.joined_samples import joined_samples
from tests.pipeline.planned_spans import plan_spans

sources = st.lists(st.text("abc/", min_size=1, max_size=4), min_size=1, max_size=12, unique=True)


def _config(**changes: object) -> RunConfig:
    settings_ = {"buckets": ["64x64x17@8", "64x64x1"], "validation_share": 0.5, "samples_per_shard": 3} | changes
    return RunConfig(pack=PackConfig.model_validate(settings_))


def _clip(source: str, seconds: float = 5.0, kind: str = "video", start: float = 1.0) -> Row:
    known = {"clip_id": clip_id(source.replace("/", "_"), start, start + seconds), "video_id": source, "source": source}
    box = {"crop_left": 0, "crop_top": 0, "crop_width": 64, "crop_height": 64}
    numbers = {**box, "width": 64, "height": 64, "rotation": 0, "tokens": 9, "fps": 0.0 if kind == "image" else 24.0}
    texts = {"uri": f"/raw/{source}", "short": "s", "medium": "m", "dense": "d", "scores": "{}", "lineage": "{}"}
    times = {"start_time": start, "end_time": start + seconds, "duration": seconds}
    return {**known, **numbers, **texts, **times, "kind": kind}


def _plan(clips: list[Row], config: RunConfig) -> pa.Table:
    """The plan of clips that all have their words."""
    spans = plan_spans(clips, [], config).to_pylist()
    by_id = {clip["clip_id"]: clip for clip in clips}
    described = {span["sample_id"]: by_id[span["clip_id"]] for span in spans}
    return plan_samples(joined_samples(spans, described), config, "encode")


@given(sources, st.randoms())
@settings(max_examples=40)
def test_the_plan_does_not_depend_on_the_order_of_its_input(keys: list[str], random: object) -> None:
    clips = [_clip(key) for key in keys]
    shuffled = list(clips)
    getattr(random, "shuffle")(shuffled)  # noqa: B009
    plan = _plan(clips, _config())
    assert plan.schema == PLAN_SCHEMA
    assert plan.equals(_plan(shuffled, _config()))


@given(sources, sources)
@settings(max_examples=40)
def test_growth_moves_no_source_to_the_other_split(first: list[str], more: list[str]) -> None:
    few = _plan([_clip(key) for key in first], _config()).to_pylist()
    many = _plan([_clip(key) for key in {*first, *more}], _config(seed=5)).to_pylist()
    later = {row["sample_id"]: row["split"] for row in many}
    assert all(later[row["sample_id"]] == row["split"] for row in few)


@given(sources)
@settings(max_examples=40)
def test_all_samples_of_a_source_are_in_one_split(keys: list[str]) -> None:
    clips = [_clip(key, start=start) for key in keys for start in (0.0, 10.0, 20.0)]
    splits: dict[str, set[str]] = {}
    for row in _plan(clips, _config()).to_pylist():
        splits.setdefault(row["source"], set()).add(row["split"])
    assert all(len(splits_of_source) == 1 for splits_of_source in splits.values())


def test_the_share_of_validation_is_about_what_was_asked() -> None:
    assert {split_of(f"film {number}", 0.0) for number in range(200)} == {"train"}
    count = sum(split_of(f"film {number}", 0.1) == "val" for number in range(4000))
    assert 340 < count < 460


def test_a_description_is_known_by_all_that_it_says_but_not_by_where_its_source_is() -> None:
    clip = _clip("film", seconds=2.5)
    (before,) = _plan([clip], _config())["description"].to_pylist()

    def described(**changes: object) -> str:
        (after,) = _plan([{**clip, **changes}], _config()).to_pylist()
        assert isinstance(after["description"], str)
        return after["description"]

    assert described() == described(uri="s3://elsewhere/film", bytes=7, version="new") == before
    changes: list[Row] = [
        {"short": "S"}, {"medium": "M"}, {"dense": "D"}, {"tokens": 8}, {"fields": "{}"}, {"scores": '{"motion": 1}'},
        {"lineage": '{"captioner": "other"}'}, {"width": 65}, {"crop_left": 1}, {"source": "other"},
    ]  # fmt: skip
    assert len({before, *(described(**change) for change in changes)}) == 1 + len(changes)


def test_samples_follow_one_another_inside_their_clip_up_to_the_limit() -> None:
    (clip,) = [_clip("film", seconds=20.0, start=2.0)]
    rows = _plan([clip], _config(max_samples_per_clip=4)).to_pylist()
    starts = sorted(row["start_time"] for row in rows)
    assert starts == [2.0 + ordinal * 17 / 8 for ordinal in range(4)]
    assert {(row["clip_start"], row["clip_end"]) for row in rows} == {(2.0, 22.0)}
    assert len(_plan([clip], _config(max_samples_per_clip=99))) == 9


def test_no_clip_is_no_sample() -> None:
    assert _plan([], _config()).schema == PLAN_SCHEMA
    assert len(_plan([], _config())) == 0

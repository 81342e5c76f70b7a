"""The sample plan: split by source, shuffled by the seed, the same whatever the order of its input.

python -m pytest tests/pipeline/stages/pack/test_samples.py
"""

from collections import Counter

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stage import Row
from pipeline.stages.pack.samples import PLAN_SCHEMA, by_shard, plan_samples, split_of
from pipeline.stages.select.sample_spans import plan_spans
from schemas.config import PackConfig, RunConfig
from schemas.ids import clip_id

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
    return plan_samples(spans, {span["sample_id"]: by_id[span["clip_id"]] for span in spans}, config)


@given(sources, st.randoms())
@settings(max_examples=40)
def test_the_plan_does_not_depend_on_the_order_of_its_input(keys: list[str], random: object) -> None:
    clips = [_clip(key) for key in keys]
    shuffled = list(clips)
    getattr(random, "shuffle")(shuffled)  # noqa: B009
    plan = _plan(clips, _config())
    assert plan.schema == PLAN_SCHEMA
    assert plan.equals(_plan(shuffled, _config()))


@given(sources, st.integers(1, 5))
@settings(max_examples=40)
def test_shards_are_bounded_of_one_bucket_and_split_and_hold_every_sample_once(keys: list[str], most: int) -> None:
    clips = [_clip(key) for key in keys] + [_clip(f"{key}.png", 0.0, "image") for key in keys]
    plan = _plan(clips, _config(samples_per_shard=most))
    shards = by_shard(plan)
    assert pa.concat_tables(shards).sort_by("sample_id").equals(plan.sort_by("sample_id"))
    assert len(set(plan["sample_id"].to_pylist())) == len(plan) == 3 * len(keys)  # 5 s hold two of 17 frames at 8/s
    for shard in shards:
        assert len(set(shard["shard"].to_pylist())) == 1
        assert len({(row["bucket"], row["split"]) for row in shard.to_pylist()}) == 1
        assert 1 <= len(shard) <= most
    full = Counter(len(shard) == most for shard in shards)
    assert full[False] <= len({(row["bucket"], row["split"]) for row in plan.to_pylist()})


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


def test_the_seed_shuffles_across_sources() -> None:
    clips = [_clip(f"film {number:02d}") for number in range(30)]
    orders = [
        _plan(clips, _config(seed=seed, validation_share=0.0, samples_per_shard=999))["source"].to_pylist()
        for seed in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_samples_follow_one_another_inside_their_clip_up_to_the_limit() -> None:
    (clip,) = [_clip("film", seconds=20.0, start=2.0)]
    rows = _plan([clip], _config(max_samples_per_clip=4)).to_pylist()
    starts = sorted(row["start_time"] for row in rows)
    assert starts == [2.0 + ordinal * 17 / 8 for ordinal in range(4)]
    assert {(row["clip_start"], row["clip_end"]) for row in rows} == {(2.0, 22.0)}
    assert len(_plan([clip], _config(max_samples_per_clip=99))) == 9


def test_no_clip_is_no_sample() -> None:
    assert _plan([], _config()).schema == PLAN_SCHEMA
    assert by_shard(_plan([], _config())) == []

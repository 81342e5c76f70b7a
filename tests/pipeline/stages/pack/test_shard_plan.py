"""The plan of shards: a pure function that only adds, writes again what changed, and can start afresh.

python -m pytest tests/pipeline/stages/pack/test_shard_plan.py
"""

from collections import Counter
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.pack.shard_plan import COMMITTED, WANTED, ShardPlan, plan_shards
from schemas.ids import digest

GROUPS = ("64x64x1/train", "64x64x1/val", "64x64x17-8fps/train")
Sample = tuple[str, str, str]
"""Group, pixels and description of a sample."""
samples_ = st.dictionaries(
    st.sampled_from([f"s{number:02d}" for number in range(24)]),
    st.tuples(st.sampled_from(GROUPS), st.sampled_from("pq"), st.sampled_from("cde")),
    max_size=24,
)


def wanted(samples: dict[str, Sample]) -> pa.Table:
    rows = [dict(zip(WANTED.names, (key, *samples[key]), strict=True)) for key in sorted(samples)]
    return pa.Table.from_pylist(rows, WANTED)


def committed_after(plan: ShardPlan, before: pa.Table, samples: dict[str, Sample]) -> pa.Table:
    """The index after the plan is carried out; no shard is divided by its size."""
    rows: list[dict[str, Any]] = before.take(pa.array(plan.kept)).to_pylist()
    table = wanted(samples).to_pylist()
    for number, name in enumerate(plan.names):
        first, last = plan.starts[number : number + 2]
        for place, (index, order) in enumerate(zip(plan.samples[first:last], plan.order[first:last], strict=True)):
            rows.append({**table[index], "shard": name, "offset": place * 100, "order": int(order)})
    return pa.Table.from_pylist(rows, COMMITTED)


def carried_out(before: pa.Table, samples: dict[str, Sample], **how: Any) -> pa.Table:
    given_ = {"seed": 0, "samples_per_shard": 3} | how
    return committed_after(plan_shards(before, wanted(samples), **given_), before, samples)


def contents(index: pa.Table) -> dict[str, list[tuple[str, str, str]]]:
    """Of each shard its samples in order, with what decides their bytes."""
    shards: dict[str, list[tuple[str, str, str]]] = {}
    for row in sorted(index.to_pylist(), key=lambda row: (row["shard"], row["offset"])):
        shards.setdefault(row["shard"], []).append((row["sample_id"], row["pixels"], row["description"]))
    return shards


def check(index: pa.Table, samples: dict[str, Sample], most: int = 3) -> None:
    rows = {row["sample_id"]: row for row in index.to_pylist()}
    assert len(rows) == len(index)
    assert {key: (row["group"], row["pixels"], row["description"]) for key, row in rows.items()} == samples
    for row in rows.values():
        assert row["shard"].startswith(f"{row['group']}-")
    assert all(size <= most for size in Counter(index["shard"].to_pylist()).values())


EMPTY = COMMITTED.empty_table()


@given(samples_)
def test_a_first_run_packs_shuffled_full_shards(samples: dict[str, Sample]) -> None:
    index = carried_out(EMPTY, samples)
    check(index, samples)
    expected: dict[str, list[tuple[str, str, str]]] = {}
    for group in GROUPS:
        keys = sorted((key for key in samples if samples[key][0] == group), key=lambda key: digest("order", 0, key))
        for place, key in enumerate(keys):
            expected.setdefault(f"{group}-{place // 3:06d}.tar", []).append((key, *samples[key][1:]))
    assert contents(index) == expected
    assert contents(carried_out(EMPTY, samples, afresh=True)) == expected


@given(samples_, samples_, samples_)
def test_shards_stay_or_are_written_under_a_new_name(
    first: dict[str, Sample], second: dict[str, Sample], third: dict[str, Sample]
) -> None:
    index = EMPTY
    for samples in (first, second, third):
        before = contents(index)
        plan = plan_shards(index, wanted(samples), 0, 3)
        assert not {*plan.names} & {*before}
        now = {key: (key, *samples[key][1:]) for key in samples}
        whole = {
            name
            for name, members in before.items()
            if all(member == now.get(member[0]) and samples[member[0]][0] == name[:-11] for member in members)
        }
        index = committed_after(plan, index, samples)
        check(index, samples)
        after = contents(index)
        assert {name: after[name] for name in whole} == {name: before[name] for name in whole}
        assert not (before.keys() - whole) & after.keys()
        again = plan_shards(index, wanted(samples), 0, 3)
        assert again.names == ()
        assert len(again.kept) == len(samples)


@given(samples_, samples_)
def test_new_samples_are_not_mixed_with_those_of_shards_that_are_written_again(
    first: dict[str, Sample], more: dict[str, Sample]
) -> None:
    index = carried_out(EMPTY, first)
    later = carried_out(index, {**more, **first})
    assert contents(later).items() >= contents(index).items()
    for members in contents(later).values():
        assert len({key in first for key, *_ in members}) == 1


@given(samples_, samples_)
def test_afresh_gives_the_shards_of_a_first_run_and_then_nothing(
    first: dict[str, Sample], second: dict[str, Sample]
) -> None:
    grown = carried_out(carried_out(EMPTY, first), second)
    compact = carried_out(grown, second, afresh=True)
    check(compact, second)
    fresh = carried_out(EMPTY, second)
    assert sorted(contents(compact).values()) == sorted(contents(fresh).values())
    assert plan_shards(compact, wanted(second), 0, 3, afresh=True).names == ()
    assert {row["sample_id"]: row["order"] for row in compact.to_pylist()} == {
        row["sample_id"]: row["order"] for row in fresh.to_pylist()
    }


@given(samples_, st.randoms())
def test_the_order_of_the_index_does_not_matter(samples: dict[str, Sample], random: Any) -> None:
    index = carried_out(EMPTY, samples)
    rows = index.to_pylist()
    random.shuffle(rows)
    few = {key: sample for place, (key, sample) in enumerate(sorted(samples.items())) if place % 3}
    shuffled = pa.Table.from_pylist(rows, COMMITTED)
    assert contents(carried_out(shuffled, few)) == contents(carried_out(index, few))


def test_a_shard_that_lost_bytes_is_written_again() -> None:
    samples = {f"s{number}": (GROUPS[0], "p", "c") for number in range(5)}
    index = carried_out(EMPTY, samples)
    plan = plan_shards(index, wanted(samples), 0, 3, lost={"64x64x1/train-000000.tar"})
    assert plan.names == ("64x64x1/train-000002.tar",)
    members = contents(committed_after(plan, index, samples))
    assert members["64x64x1/train-000002.tar"] == contents(index)["64x64x1/train-000000.tar"]
    assert members.keys() == {"64x64x1/train-000001.tar", "64x64x1/train-000002.tar"}


def test_pieces_of_a_shard_that_grew_too_large_are_one_when_it_is_packed_afresh() -> None:
    samples = {f"s{number}": (GROUPS[0], "p", "c") for number in range(3)}
    rows = carried_out(EMPTY, samples).sort_by("offset").to_pylist()
    rows[2] |= {"shard": "64x64x1/train-000000-1.tar", "offset": 0}
    divided = pa.Table.from_pylist(rows, COMMITTED)
    assert plan_shards(divided, wanted(samples), 0, 3, afresh=True).names == ()
    assert plan_shards(divided, wanted(samples), 0, 3).names == ()
    fewer = {key: samples[key] for key in samples if key != rows[2]["sample_id"]}
    assert plan_shards(divided, wanted(fewer), 0, 3).names == ()  # the piece with the sample goes, the other stays

"""The plan of shards: a pure function that only adds, writes again what changed, and can start afresh.

python -m pytest tests/pipeline/stages/pack/test_shard_plan.py
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.query import Connection, querying
from pipeline.stages.pack import chunks
from pipeline.stages.pack.shard_plan import COMMITTED, WANTED
from pipeline.stages.pack.shard_plan import plan_shards as plan_by_queries
from pipeline.stages.pack.shuffle import shuffle_keys
from pipeline.storage.store import Store
from schemas.ids import digest
from tests.pipeline.stages.pack import shard_plan_in_memory

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


CONNECTIONS: list[Connection] = []
few = settings(max_examples=12, deadline=None)
"""A plan takes a tenth of a second, whatever its size."""


@pytest.fixture(scope="module", autouse=True)
def _connected() -> Iterator[None]:
    with querying(Store("/")) as connection:
        CONNECTIONS.append(connection)
        yield
        CONNECTIONS.clear()


@dataclass(frozen=True)
class Plan:
    """What stays, the shards to write in their order, and their samples with their place in the shuffle."""

    kept: list[str]
    names: tuple[str, ...]
    placed: list[dict[str, Any]]


def plan_shards(
    before: pa.Table,
    wanted_: pa.Table,
    seed: int,
    samples_per_shard: int,
    lost: Collection[str] = (),
    afresh: bool = False,
) -> Plan:
    (connection,) = CONNECTIONS
    index, samples = connection.from_arrow(before), connection.from_arrow(wanted_)
    plan = plan_by_queries(connection, index, samples, seed, samples_per_shard, lost, afresh)
    kept = [key for (key,) in plan.kept.order("sample_id").fetchall()]
    placed = plan.placed.order('chunk, "order", sample_id').to_arrow_table().to_pylist()
    names = tuple(dict.fromkeys(row["shard"] for row in placed))
    return Plan(kept, names, [{name: row[name] for name in ("sample_id", "shard", "order")} for row in placed])


def plan_in_memory(before: pa.Table, wanted_: pa.Table, *how: Any) -> Plan:
    """The same by the former plan."""
    plan = shard_plan_in_memory.plan_shards(before, wanted_, *how)
    ids = wanted_["sample_id"].take(pa.array(plan.samples)).to_pylist()
    shards = [name for place, name in enumerate(plan.names) for _ in range(*plan.starts[place : place + 2])]
    rows = zip(ids, shards, plan.order.tolist(), strict=True)
    placed = [dict(zip(("sample_id", "shard", "order"), row, strict=True)) for row in rows]
    return Plan(sorted(before["sample_id"].take(pa.array(plan.kept)).to_pylist()), plan.names, placed)


def committed_after(plan: Plan, before: pa.Table, samples: dict[str, Sample]) -> pa.Table:
    """The index after the plan is carried out; no shard is divided by its size."""
    rows: list[dict[str, Any]] = [row for row in before.to_pylist() if row["sample_id"] in plan.kept]
    table = {row["sample_id"]: row for row in wanted(samples).to_pylist()}
    sizes: Counter[str] = Counter()
    for row in plan.placed:
        rows.append({**table[row["sample_id"]], **row, "offset": sizes[row["shard"]] * 100})
        sizes[row["shard"]] += 1
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
@few
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
@few
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
@few
def test_new_samples_are_not_mixed_with_those_of_shards_that_are_written_again(
    first: dict[str, Sample], more: dict[str, Sample]
) -> None:
    index = carried_out(EMPTY, first)
    later = carried_out(index, {**more, **first})
    assert contents(later).items() >= contents(index).items()
    for members in contents(later).values():
        assert len({key in first for key, *_ in members}) == 1


@given(samples_, samples_)
@few
def test_afresh_gives_the_shards_of_a_first_run_and_then_nothing(
    first: dict[str, Sample], second: dict[str, Sample]
) -> None:
    grown = carried_out(carried_out(EMPTY, first), second)
    compact = carried_out(grown, second, afresh=True)
    check(compact, second)
    fresh = carried_out(EMPTY, second)
    assert sorted(contents(compact).values()) == sorted(contents(fresh).values())
    assert not {*plan_shards(grown, wanted(second), 0, 3, afresh=True).names} & {*contents(grown)}
    assert plan_shards(compact, wanted(second), 0, 3, afresh=True).names == ()
    assert {row["sample_id"]: row["order"] for row in compact.to_pylist()} == {
        row["sample_id"]: row["order"] for row in fresh.to_pylist()
    }


@given(samples_, st.randoms())
@few
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


@given(samples_, samples_, samples_, st.booleans(), st.sets(st.integers(0, 9), max_size=2), st.integers(0, 5))
@few
def test_the_plan_is_that_of_the_former_planner(
    first: dict[str, Sample],
    second: dict[str, Sample],
    third: dict[str, Sample],
    afresh: bool,
    lost: set[int],
    older: int,
) -> None:
    index = carried_out(carried_out(EMPTY, first), second)
    rows = index.sort_by([("shard", "ascending"), ("offset", "ascending")]).to_pylist()
    for row in rows[:older]:  # some of an earlier version, whose index says neither digests nor order
        row |= {"pixels": None, "description": None, "order": None}
    for row in rows[older : older + 2]:  # and shards that were divided by size
        row |= {"shard": row["shard"].replace(".tar", "-1.tar")}
    index = pa.Table.from_pylist(rows, COMMITTED)
    names = sorted({row["shard"] for row in rows})
    gone = {names[place] for place in lost if place < len(names)}
    for samples in (second, third):
        how = (7, 3, gone, afresh)
        assert plan_shards(index, wanted(samples), *how) == plan_in_memory(index, wanted(samples), *how)


@given(st.lists(st.text(), unique=True), st.integers(-9, 10**9))
def test_the_shuffle_is_that_of_the_digests(ids: list[str], seed: int) -> None:
    keys = shuffle_keys(pa.chunked_array([ids], pa.string()), seed)
    assert keys.tolist() == [int(digest("order", seed, key), 16) for key in ids]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), max_size=9), st.integers(1, 4), st.integers(1, 7))
def test_chunks_do_not_depend_on_how_the_stream_is_cut(runs: list[tuple[str, int]], most: int, cut: int) -> None:
    keys = [key for key, length in runs for _ in range(length)]
    rows = pa.table({"sample_id": [str(place) for place in range(len(keys))], "group": pa.array(keys, pa.string())})
    rows = rows.append_column("order", pa.array(range(len(keys)), pa.uint64()))
    whole, cut_up = chunks.Chunks(most), chunks.Chunks(most)
    parts = [cut_up.divide(rows.slice(first, cut), "group") for first in range(0, len(rows), cut)]
    assert pa.concat_tables([chunks.CHUNKED.empty_table(), *parts]) == whole.divide(rows, "group").combine_chunks()
    assert cut_up.groups == whole.groups


def test_a_shard_without_a_number_is_no_shard() -> None:
    with pytest.raises(AssertionError, match=r"shard 64x64x1/train\.tar has a number"):
        chunks.free_names(["64x64x1/train"], ["64x64x1/train.tar"], from_the_end=True)


def test_new_shards_have_numbers_that_no_shard_of_their_own_group_has() -> None:
    there = ["64x64x1/train-000000.tar", "64x64x1/train-000001-1.tar", "64x64x1/val-000000.tar"]
    groups = ["64x64x1/train", "64x64x1/val", "64x64x1/train", "64x64x17-8fps/val"]
    names = chunks.free_names(groups, there, from_the_end=False)
    assert [name.split("/")[1] for name in names] == [
        "train-000002.tar", "val-000001.tar", "train-000003.tar", "val-000000.tar"
    ]  # fmt: skip
    assert chunks.free_names(groups[:1], ["64x64x1/train-000004.tar"], from_the_end=False)[0].endswith("-000000.tar")
    assert chunks.free_names(groups[:1], ["64x64x1/train-000004.tar"], from_the_end=True)[0].endswith("-000005.tar")

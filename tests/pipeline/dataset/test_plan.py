"""The plan: every row exactly once, the same parts however often a run was killed, and growth that moves nothing.

python -m pytest tests/pipeline/dataset/test_plan.py
"""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.plan import Part, Plan, make_part, make_plan

Rows = list[tuple[str, str]]
rows = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.sampled_from("12"), max_size=12).map(
    lambda items: list(items.items())
)
sizes = st.integers(1, 4)


class Disk:
    """What a dataset remembers between runs of one stage."""

    def __init__(self) -> None:
        self.known: list[Part] = []
        self.committed: set[str] = set()

    def plan(self, requested: Rows, size: int, failed: dict[str, list[str]] | None = None) -> Plan:
        plan = make_plan(requested, self.known, self.committed, size, failed)
        self.known += plan.new
        return plan

    def commit(self, parts: Sequence[Part]) -> None:
        self.committed |= {part.name for part in parts}


def _covered(plan: Plan) -> Counter[str]:
    pending = Counter(key for part in plan.pending for key, _ in part.rows)
    return pending + Counter(key for keys in plan.served.values() for key in keys)


def _once(requested: Rows) -> Counter[str]:
    return Counter(key for key, _ in requested)


@given(st.lists(st.tuples(rows, sizes, st.lists(st.booleans(), min_size=12, max_size=12)), min_size=1, max_size=5))
def test_every_wanted_row_is_in_exactly_one_part_whatever_happened_before(
    runs: list[tuple[Rows, int, list[bool]]],
) -> None:
    disk = Disk()
    for requested, size, survives in runs:
        plan = disk.plan(requested, size)
        assert _covered(plan) == _once(requested)
        of_part = {part.name: dict(part.rows) for part in disk.known}
        assert all(of_part[name][key] == dict(requested)[key] for name, keys in plan.served.items() for key in keys)
        assert set(plan.served) <= disk.committed
        disk.commit([part for part, done in zip(plan.pending, survives, strict=False) if done])


@given(rows, sizes, st.data())
def test_a_killed_run_ends_with_the_parts_of_an_undisturbed_one(
    requested: Rows, size: int, data: st.DataObject
) -> None:
    disk = Disk()
    first = disk.plan(requested, size)
    survivors = data.draw(st.sets(st.sampled_from(first.pending))) if first.pending else set()
    disk.commit(list(survivors))
    second = disk.plan(requested, size)
    assert not second.new
    assert {part.name for part in survivors} | {part.name for part in second.pending} == {
        part.name for part in first.pending
    }
    assert set(second.pending) <= set(first.pending)  # the same rows in the same order


@given(rows, rows, sizes, sizes)
def test_growth_computes_only_what_is_new(first: Rows, more: Rows, size: int, later_size: int) -> None:
    disk = Disk()
    disk.commit(disk.plan(first, size).pending)
    grown = [*first, *(row for row in more if row[0] not in dict(first))]
    plan = disk.plan(grown, later_size)
    assert sorted(key for part in plan.pending for key, _ in part.rows) == sorted(
        {key for key, _ in grown[len(first) :]}
    )
    assert plan.reused == len(first)


@given(rows, rows, sizes)
def test_rows_that_left_and_came_back_are_not_computed_again(first: Rows, between: Rows, size: int) -> None:
    disk = Disk()
    disk.commit(disk.plan(first, size).pending)
    disk.commit(disk.plan([row for row in first if row in between], size).pending)
    assert not disk.plan(first, size).pending


def test_a_changed_identity_is_recomputed_and_its_neighbours_are_not() -> None:
    disk = Disk()
    disk.commit(disk.plan([("a", "1"), ("b", "1"), ("c", "1")], 3).pending)
    plan = disk.plan([("a", "1"), ("b", "2"), ("c", "1")], 3)
    assert [part.rows for part in plan.pending] == [(("b", "2"),)]
    assert list(plan.served.values()) == [frozenset("ac")]


@given(rows, sizes, st.data())
def test_retry_takes_exactly_what_failed_and_its_result_wins(requested: Rows, size: int, data: st.DataObject) -> None:
    disk = Disk()
    first = disk.plan(requested, size)
    disk.commit(first.pending)
    part_of = {key: part.name for part in first.pending for key, _ in part.rows}
    bad = data.draw(st.sets(st.sampled_from(sorted(part_of)))) if part_of else set()
    failed: dict[str, list[str]] = {}
    for key in bad:
        failed.setdefault(part_of[key], []).append(key)
    retry = disk.plan(requested, size, failed)
    assert {key for part in retry.pending for key, _ in part.rows} == bad
    assert not {part.name for part in retry.pending} & disk.committed
    disk.commit(retry.pending)
    after = disk.plan(requested, size)
    assert not after.pending
    assert {key for part in retry.pending for key in after.served[part.name]} == bad


def test_a_second_retry_of_the_same_row_is_a_part_of_its_own() -> None:
    disk = Disk()
    disk.commit(disk.plan([("a", "1")], 1).pending)
    names = {disk.known[0].name}
    for _ in range(3):
        failed = {part.name: ["a"] for part in disk.known}
        plan = disk.plan([("a", "1")], 1, failed)
        names |= {part.name for part in plan.pending}
        disk.commit(plan.pending)
    assert len(names) == 4


def test_a_killed_retry_is_taken_up_again() -> None:
    disk = Disk()
    disk.commit(disk.plan([("a", "1"), ("b", "1")], 2).pending)
    failed = {disk.known[0].name: ["a"]}
    killed = disk.plan([("a", "1"), ("b", "1")], 2, failed)
    again = disk.plan([("a", "1"), ("b", "1")], 2, failed)
    assert again.pending == killed.pending
    assert not again.new


def test_a_parts_name_depends_on_rows_order_and_salt() -> None:
    plain = make_part([("a", "1"), ("b", "1")])
    others = [make_part([("b", "1"), ("a", "1")]), make_part([("a", "1")]), make_part([("a", "1"), ("b", "1")], "salt")]
    assert plain == make_part([("a", "1"), ("b", "1")])
    assert plain.name not in {part.name for part in others}

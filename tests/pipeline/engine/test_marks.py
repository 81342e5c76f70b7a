"""Marks of processes that died: alone, which counts against a row, or with their node, which does not."""

from pathlib import Path

from pipeline.engine.marks import Deaths, Mark
from pipeline.storage.store import Store

KEY = ".tries/doubled/f/part-1"


def left(store: Store, alive: bool) -> Deaths | None:
    return Mark(store, KEY, "node b").left(lambda node: alive and node == "node a")


def test_a_death_counts_where_the_node_lives_and_not_where_it_was_lost(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert left(store, True) is None
    Mark(store, KEY, "node a").set(Deaths(), None)
    assert left(store, False) is None  # the part is computed as a whole again, with the same batches
    assert left(store, True) == Deaths()
    Mark(store, KEY, "node a").set(Deaths({"k1": 1}), "k2")
    assert left(store, False) == Deaths({"k1": 1})
    assert left(store, True) == Deaths({"k1": 1, "k2": 1})


def test_a_process_that_ended_itself_counts_wherever_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    mark = Mark(store, KEY, "node a")
    mark.set(Deaths(), "k1")
    mark.explain("it took 9 GB")
    assert left(store, False) == Deaths({"k1": 1}, {"k1": "it took 9 GB"})


def test_a_mark_without_a_node_counts(tmp_path: Path) -> None:
    Mark(Store(tmp_path), KEY).set(Deaths(), "k1")
    assert left(Store(tmp_path), False) == Deaths({"k1": 1})

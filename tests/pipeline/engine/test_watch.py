"""The memory limit of a worker: memory allocated before does not count, memory allocated after it does.

python -m pytest tests/pipeline/engine/test_watch.py
"""

import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.dataset.folder import Dataset
from pipeline.engine.marks import Deaths, Mark
from pipeline.engine.watch import private_bytes, watched_memory
from pipeline.storage.store import Store
from tests.pipeline import toy

_TAKE = """
import sys, time
from pathlib import Path
from pipeline.engine.watch import watched_memory
before = bytearray(300_000_000)
with watched_memory(200_000_000, Path(sys.argv[1]).write_text):
    held = []
    for _ in range(int(sys.argv[2])):
        held.append(bytearray(10_000_000))
        time.sleep(0.02)
print("done")
"""


def _take(path: Path, blocks: int) -> tuple[int, str]:
    run = subprocess.run([sys.executable, "-c", _TAKE, str(path), str(blocks)], capture_output=True, text=True)
    return run.returncode, run.stdout.strip()


def test_a_process_that_takes_too_much_is_ended_and_says_why_first(tmp_path: Path) -> None:
    assert _take(tmp_path / "why", 100) == (137, "")
    reason = (tmp_path / "why").read_text()
    assert reason.startswith("it took 0.")
    assert reason.endswith("GB of memory, limits.worker_gigabytes = 0.2")


def test_what_a_stage_holds_before_its_rows_does_not_count(tmp_path: Path) -> None:
    assert _take(tmp_path / "why", 10) == (0, "done")
    assert not (tmp_path / "why").exists()


def test_memory_is_counted_in_bytes() -> None:
    before = private_bytes()
    with mmap.mmap(-1, 50_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:
        block.write(b"x" * len(block))
        assert 40_000_000 < private_bytes() - before < 200_000_000


def test_the_watch_ends_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    with watched_memory(1e15, print):
        pass
    monkeypatch.setattr("pipeline.engine.watch.os._exit", lambda code: pytest.fail("ended"))
    block = bytearray(b"x") * 50_000_000
    assert len(block) == 50_000_000


def test_a_mark_counts_deaths_and_keeps_their_reasons(tmp_path: Path) -> None:
    store = Store(tmp_path)
    mark = Mark(store, "m")
    assert mark.left() is None
    mark.explain("nothing is worked on")
    assert mark.left() is None
    mark.set(Deaths({"a": 1}), "b")
    mark.explain("it took 3 GB")
    left = Mark(store, "m").left()
    assert left is not None
    assert (left.times, left.text("b")) == (
        {"a": 1, "b": 1},
        "the worker process died 1 times on this row: it took 3 GB",
    )
    assert left.text("a").endswith("died 1 times on this row: out of memory, or a crash in a library")
    again = Mark(store, "m")
    again.set(left, None)
    assert again.left() == left
    again.clear()
    assert again.left() is None


_WORK = """
import sys
from pipeline.engine.ipc import write_rows
from pipeline.engine.worker import PartWorker, WorkerLimits
from schemas.limits import Limits
from tests.pipeline import toy
limits = WorkerLimits(max_attempts=1, max_worker_deaths=2, objects=Limits(worker_gigabytes=0.3))
rows = toy.rows({"k0": 0, "k1": 1, "k2": 2}, {"k1": "hungry"})
PartWorker(toy.spec(), sys.argv[1], limits)._report("part-x", write_rows(rows))
"""


def test_a_row_that_takes_too_much_memory_costs_itself_alone(tmp_path: Path) -> None:
    """Processes are started again as Ray does it: the first dies on the part, two on the row, the last records it."""
    command = [sys.executable, "-c", _WORK, str(tmp_path)]
    assert [subprocess.run(command, check=False).returncode for _ in range(4)] == [137, 137, 137, 0]
    table = Dataset(str(tmp_path)).read_parts(toy.OUTPUTS[0], "f1", {"part-x": None}).to_pylist()
    assert {row["id"]: row["status"] for row in table} == {"k0": "ok", "k1": "failed", "k2": "ok"}
    error = next(row["error"] for row in table if row["id"] == "k1")
    assert error.startswith("the worker process died 2 times on this row: it took 0.")
    assert error.endswith("GB of memory, limits.worker_gigabytes = 0.3")

"""The worker of a stream in one process: what it keeps for a run is not taken for another run.

python -m pytest tests/pipeline/engine/test_group_worker.py
"""

from pathlib import Path
from typing import Any

from pipeline.engine.group_state import GroupState, decode, encode
from pipeline.engine.group_worker import work_on_group
from pipeline.engine.worker import WorkerLimits
from tests.pipeline import toy
from tests.pipeline.engine import toy_stream

LIMITS = WorkerLimits(max_attempts=1, max_worker_deaths=2)


def advance(folder: Path, run_id: str, **doubler: Any) -> GroupState:
    first = toy_stream.steps(doubler=doubler)[0]
    state = GroupState(group="g0", given={"numbers": toy.rows({"v00": 1, "v01": 2})}, served={}, before={})
    (after,) = decode(work_on_group(encode([state]), run_id, first, {"double": first.spec}, str(folder), LIMITS))
    return after


def test_a_process_does_not_take_the_worker_of_an_earlier_run_with_other_settings(tmp_path: Path) -> None:
    fatal = advance(tmp_path, "run 1", nonsense=1).fatal
    assert fatal is not None
    assert "stage double cannot run: TypeError" in fatal[1]
    after = advance(tmp_path, "run 2")
    assert after.fatal is None
    assert sorted(key for keys in after.served["double"].values() for key in keys) == ["v00", "v01"]


def test_a_process_keeps_the_worker_of_its_run(tmp_path: Path) -> None:
    assert advance(tmp_path, "run 3").fatal is None
    assert advance(tmp_path, "run 3", nonsense=1).fatal is None

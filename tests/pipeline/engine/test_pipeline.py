"""Which steps run at the same time, and with what: two models that would wait for each other never do.

python -m pytest tests/pipeline/engine/test_pipeline.py
"""

import dataclasses
from collections import defaultdict
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.pipeline import Setting, cpus_of_actor, in_tasks, pipelines_that_fit, workers_of
from pipeline.engine.steps import Step
from pipeline.engine.worker import WorkerLimits
from tests.pipeline.engine import toy_stream


def _setting(cores: int, gpus: int = 0, workers: int = 0, worker_cpus: int = 2) -> Setting:
    limits = WorkerLimits(max_attempts=1, max_worker_deaths=1)
    cpus: defaultdict[str, int] = defaultdict(lambda: worker_cpus)
    return Setting(
        run_id="run", dataset_uri="set", limits=limits, cores=cores, gpus=gpus, worker_cpus=cpus, workers=workers
    )


def _step(name: str, **resources: Any) -> Step:
    first = toy_stream.steps()[0]
    return dataclasses.replace(first, spec=dataclasses.replace(first.spec, name=name, **resources))


LABEL = _step("label")
SEES, WRITES = _step("sees", gpus=1, workers=1), _step("writes", gpus=1, workers=1)
ENCODE = _step("encode")
SLOW, SLOWER = _step("slow", cpus=2, workers=1), _step("slower", cpus=2, workers=1)


@pytest.mark.parametrize(
    ("steps", "cores", "gpus", "expected"),
    [
        ([LABEL, SEES, WRITES, ENCODE], 8, 2, [["label", "sees", "writes", "encode"]]),
        ([LABEL, SEES, WRITES, ENCODE], 8, 1, [["label", "sees"], ["writes", "encode"]]),
        ([LABEL, SEES, WRITES, ENCODE], 8, 0, [["label", "sees", "writes", "encode"]]),
        ([LABEL, SLOW, ENCODE], 2, 0, [["label", "slow", "encode"]]),
        ([LABEL, SLOW, SLOWER, ENCODE], 2, 0, [["label", "slow"], ["slower", "encode"]]),
        ([LABEL, SLOW, SLOWER, ENCODE], 4, 0, [["label", "slow", "slower", "encode"]]),
        ([SLOW], 1, 0, [["slow"]]),
    ],
)
def test_models_that_do_not_fit_together_run_one_after_the_other(
    steps: list[Step], cores: int, gpus: int, expected: list[list[str]]
) -> None:
    pipelines = pipelines_that_fit(steps, _setting(cores, gpus))
    assert [[step.spec.name for step in together] for together in pipelines] == expected


def test_there_are_as_many_workers_as_cores_and_gpus_allow() -> None:
    assert workers_of(LABEL.spec, _setting(8)) == 8
    assert workers_of(LABEL.spec, _setting(8, workers=3)) == 3
    assert workers_of(_step("embed", gpus=1).spec, _setting(8, gpus=2)) == 2
    assert workers_of(_step("embed", gpus=1).spec, _setting(8)) == 8
    assert workers_of(SLOW.spec, _setting(8)) == 1


def test_an_actor_asks_for_no_more_than_a_node_has_and_leaves_a_core_to_the_others() -> None:
    assert cpus_of_actor(SLOW.spec, [SLOW], _setting(4)) == 2
    assert cpus_of_actor(SLOW.spec, [SLOW], _setting(4, worker_cpus=1)) == 1
    assert cpus_of_actor(SLOW.spec, [LABEL, SLOW, ENCODE], _setting(4)) == 2
    assert cpus_of_actor(SLOW.spec, [LABEL, SLOW, ENCODE], _setting(4, worker_cpus=1)) == 1
    assert cpus_of_actor(SLOW.spec, [LABEL, SLOW, ENCODE], _setting(2)) == 1
    assert cpus_of_actor(SLOW.spec, [LABEL, SLOW, SLOWER], _setting(4)) == 1


@given(st.integers(0, 2000), st.integers(1, 9))
def test_rows_share_tasks_only_if_every_worker_has_many(rows: int, workers: int) -> None:
    tasks = in_tasks([pa.table({"row": [row]}) for row in range(rows)], workers)
    assert [row for task in tasks for row in task["row"].to_pylist()] == list(range(rows))
    assert max((len(task) for task in tasks), default=1) <= 8
    assert all(len(task) == 1 for task in tasks) or len(tasks) >= 32 * workers


def test_ray_still_has_the_wait_that_a_cluster_shortens() -> None:
    """A constant of Ray's own: where it is gone, workers wait 0.2 s between tasks again, and nothing else would say."""
    from ray.data._internal.execution import streaming_executor_state

    assert isinstance(streaming_executor_state.WAIT_FOR_TASK_COMPLETION_TIMEOUT_S, float)

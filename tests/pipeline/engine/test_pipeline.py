"""Which steps run at the same time, and with what: two models that would wait for each other never do.

python -m pytest tests/pipeline/engine/test_pipeline.py
"""

import dataclasses
from typing import Any

import pytest

from pipeline.engine.pipeline import Setting, pipelines_that_fit, workers_of
from pipeline.engine.steps import Step
from pipeline.engine.worker import WorkerLimits
from tests.pipeline.engine import toy_stream


def _setting(cores: int, gpus: int = 0, workers: int = 0) -> Setting:
    limits = WorkerLimits(max_attempts=1, max_worker_deaths=1)
    return Setting(dataset_uri="set", limits=limits, cores=cores, gpus=gpus, workers=workers)


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

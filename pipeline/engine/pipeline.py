"""One Ray Data pipeline of a stream's steps: an operator per step, with its own workers and resources.

Steps that run on CPUs alone become tasks; Ray runs neighbours of equal resources in one task, so a group's data need
not wait for another slot. A step that keeps a model on a GPU or over several cores becomes a pool of actors, which load
it once. A client of an endpoint takes next to no CPU, so that others compute while it waits.

    for state in run_states(steps, specs, states, setting): ...
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa

from pipeline.engine.group_state import GroupState, decode, encode
from pipeline.engine.group_worker import GroupWorker, work_on_group
from pipeline.engine.steps import Step
from pipeline.engine.worker import WorkerLimits
from pipeline.stage import StageSpec
from pipeline.storage.addresses import redact
from schemas.errors import StageError

_WAITING_CPUS = 0.1
_MOST_ROWS, _TASKS_PER_WORKER = 8, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a pipeline runs: the dataset, the limits of its workers, the cluster's size, and the workers asked for."""

    run_id: str
    """Of the engine: what a process keeps for one run is not taken for another, whose stages may be set otherwise."""
    dataset_uri: str
    limits: WorkerLimits
    cores: int
    gpus: int
    worker_cpus: Mapping[str, int]
    """CPUs of a worker of each step, by the stage's name: it is on one node, whatever the cluster has in all."""
    workers: int
    """Processes per CPU step; 0: as many as the cores allow."""


def run_states(
    steps: Sequence[Step], specs: Mapping[str, StageSpec], states: Iterable[GroupState], setting: Setting
) -> Iterator[GroupState]:
    """Send groups through all steps; yields each as it leaves the last one, in any order.

    `specs` are all stages that the states name. Raises `StageError` if Ray gives up.
    """
    *first, last = pipelines_that_fit(steps, setting)
    for together in first:
        states = list(_run_together(together, specs, states, setting))
    yield from _run_together(last, specs, states, setting)


def pipelines_that_fit(steps: Sequence[Step], setting: Setting) -> list[list[Step]]:
    """The steps, divided where the models of all would not fit at once: those after wait until those before end.

    A model stays as long as its pipeline runs. Two that want the only GPU would wait for each other for ever, and two
    on the same cores would only slow each other down and take the memory of both.
    """
    pipelines: list[list[Step]] = [[]]
    for step in steps:
        models = [other.spec for other in [*pipelines[-1], step] if _keeps_model(other.spec, setting)]
        on_gpus = sum(workers_of(spec, setting) * min(spec.gpus, setting.gpus) for spec in models)
        on_cores = sum(spec.cpus for spec in models if not min(spec.gpus, setting.gpus))
        fits = on_gpus <= setting.gpus and on_cores <= max(setting.cores, step.spec.cpus)
        if _keeps_model(step.spec, setting) and len(models) > 1 and not fits:
            pipelines.append([])
        pipelines[-1].append(step)
    return pipelines


def _run_together(
    steps: Sequence[Step], specs: Mapping[str, StageSpec], states: Iterable[GroupState], setting: Setting
) -> Iterator[GroupState]:
    import ray.data
    import ray.exceptions

    rows = [encode([state]) for state in states]
    tasks = in_tasks(rows, max(workers_of(step.spec, setting) for step in steps))
    dataset = ray.data.from_arrow(tasks)
    for step in steps:
        arguments = {
            "step": step, "specs": specs, "dataset_uri": setting.dataset_uri, "limits": setting.limits,
        }  # fmt: skip
        dataset = _with_step(dataset, step, arguments, steps, setting, len(tasks))
    try:
        for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            yield from decode(cast(pa.Table, batch))
    except ray.exceptions.RayError as error:
        first = redact(" ".join(str(error).split()))[:300]
        names = ", ".join(step.spec.name for step in steps)
        raise StageError(f"stages {names}: Ray gave up: {first}") from error


def in_tasks(rows: Sequence[pa.Table], workers: int) -> list[pa.Table]:
    """The rows of a Ray dataset, each a table, as the blocks that tasks get: one each, or several if there are many.

    Between two tasks a worker waits some 0.2 s for Ray Data's loop. A block of several rows waits once, and its worker
    hands them on together; so there are several only where each worker has many blocks anyway. If a worker dies, its
    block is tried again, and the groups that it had committed are found.
    """
    size = max(1, min(_MOST_ROWS, len(rows) // (_TASKS_PER_WORKER * workers)))
    return [pa.concat_tables(rows[start : start + size]) for start in range(0, len(rows), size)]


def workers_of(spec: StageSpec, setting: Setting) -> int:
    """The number of workers of a step, if there are groups for all."""
    possible = max(1, setting.cores // spec.cpus)
    if gpus := min(spec.gpus, setting.gpus):
        possible = min(possible, max(1, setting.gpus // gpus))
    wanted = spec.workers if _keeps_model(spec, setting) else 0
    return max(1, min(wanted or setting.workers or possible, possible))


def _with_step(
    dataset: Any, step: Step, arguments: dict[str, Any], steps: Sequence[Step], setting: Setting, groups: int
) -> Any:
    import ray.data

    spec = step.spec
    size = min(workers_of(spec, setting), groups)
    if _keeps_model(spec, setting):
        return dataset.map_batches(
            GroupWorker,
            fn_constructor_kwargs=arguments,
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=size),
            num_cpus=cpus_of_actor(spec, steps, setting),
            num_gpus=min(spec.gpus, setting.gpus),
        )
    return dataset.map_batches(
        cast(Any, work_on_group),
        fn_kwargs={"run_id": setting.run_id, **arguments},
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.TaskPoolStrategy(size=size),
        num_cpus=_WAITING_CPUS if spec.waits else setting.worker_cpus[spec.name],
    )


def _keeps_model(spec: StageSpec, setting: Setting) -> bool:
    return bool(min(spec.gpus, setting.gpus)) or spec.cpus > 1


def cpus_of_actor(spec: StageSpec, steps: Sequence[Step], setting: Setting) -> int:
    """What an actor reserves as long as the pipeline runs, so that the tasks of other steps find a core beside it."""
    actors = [step for step in steps if _keeps_model(step.spec, setting)]
    cpus = setting.worker_cpus[spec.name]
    return cpus if len(steps) == 1 else min(cpus, (setting.cores - 1) // len(actors))

"""slices as a row stage: a row is a slice of a stage's tables whose part files become one file per table, in a worker.

The last thing that a run does with its tables, after all that reads them. A slice whose new part files are few beside
what it has is left for a later run, so that a dataset that grows by a little is not written again and again: whatever
is written is written again only once a quarter as much has come. A slice that cannot be read keeps its part files.

    runs = gather_slices(engine, runs)
"""

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan_files import PLANS
from pipeline.dataset.slice_files import gather_slice, is_slice
from pipeline.dataset.slices import WHOLE
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.engine import Engine
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.specification import make_spec
from schemas.ids import digest
from schemas.slice_tables import SLICES

VERSION = 1
OUTPUTS = (Output(folder="slices", contract=SLICES, parent="slice"),)
_ENOUGH_SHARE = 0.25
_ROWS = pa.schema(
    [
        ("slice", pa.string()),
        ("content", pa.string()),
        ("stage", pa.string()),
        ("name", pa.string()),
        ("parts", pa.list_(pa.string())),
        ("served", pa.list_(pa.struct([("part", pa.string()), ("keys", pa.list_(pa.string()))]))),
    ]
)


class GatherSlice:
    """Gathers the part files of one slice of one stage. `stages` are the stages' outputs and fingerprints by name."""

    def __init__(self, dataset_uri: str, stages: Mapping[str, tuple[tuple[Output, ...], str]]) -> None:
        self._dataset, self._stages = Dataset(dataset_uri), stages

    def process(self, row: Row) -> Result:
        """Make the slice's files. Raises `DatasetError` for a damaged part file."""
        outputs, fingerprint = self._stages[row["stage"]]
        served = {each["part"]: each["keys"] for each in row["served"]}
        gathered = gather_slice(self._dataset, outputs, fingerprint, row["name"], row["parts"], served)
        values = {"slice": row["slice"], "file": gathered.name, "rows": gathered.rows, "parts": gathered.parts}
        return Result(key=row["slice"], values=values, counters={"parts_gathered": gathered.parts})


def gather_slices(engine: Engine, runs: Mapping[str, StageRun]) -> dict[str, StageRun]:
    """Gather what is worth it of these stages; returns them with the files that serve them now."""
    divided = {name: run for name, run in runs.items() if run.slices and WHOLE not in run.slices}
    rows = [row for name, run in divided.items() for row in _worth_gathering(run, name)]
    if not rows:
        return dict(runs)
    keys = {row["slice"]: _keys_in_use(divided[row["stage"]], row) for row in rows}
    _remove_journal(engine.dataset)  # of a run that was killed: what it had done is in the plans
    spec = _spec(engine.dataset.store.address, divided)
    primary = engine.run(spec, pa.Table.from_pylist(rows, schema=_ROWS)).primary
    gathered = {row["slice"]: row for row in primary.to_pylist()}
    _remove_journal(engine.dataset)
    record = engine.records[spec.name]  # no row of any table was made
    record.reused, record.computed = record.computed, 0
    now = dict(runs)
    for row in rows:
        done = gathered[row["slice"]]
        if done["status"] == "failed":
            engine.note(f"{row['slice']}: its part files stay as they are: {done['error']}")
            continue
        run, used = now[row["stage"]], keys[row["slice"]]
        served = {done["file"]: None if used is None or len(used) == done["rows"] else used}
        now[row["stage"]] = StageRun(run.spec, {**run.slices, row["name"]: served}, run.dataset)
    for stage in {row["stage"] for row in rows}:
        _remove_strays(divided[stage])
    return now


def _worth_gathering(run: StageRun, stage: str) -> Iterator[Row]:
    """A row for each slice with enough part files beside its file, if it has one."""
    primary = run.spec.outputs[0]
    loose = {name: served for name, served in run.slices.items() if not (len(served) == 1 and is_slice(*served))}
    if not loose:
        return
    plans = run.dataset.plans(primary.folder, run.spec.fingerprint)
    committed = pa.array(sorted(run.dataset.committed(primary, run.spec.fingerprint)), pa.string())
    for name, served in loose.items():
        planned = plans.table(name)["part"]
        counted = pc.value_counts(planned.filter(pc.is_in(planned, value_set=committed)))
        counts = dict(zip(*(counted.field(place).to_pylist() for place in (0, 1)), strict=True))
        whole = sum(rows for part, rows in counts.items() if is_slice(part))
        if counts and sum(counts.values()) - whole >= _ENOUGH_SHARE * whole:
            yield {
                "slice": f"{stage}/{name}",
                "content": digest(sorted(counts)),
                "stage": stage,
                "name": name,
                "parts": sorted(counts),
                "served": [{"part": part, "keys": keys and sorted(keys)} for part, keys in sorted(served.items())],
            }


def _keys_in_use(run: StageRun, row: Row) -> list[str] | None:
    """The keys of a slice's rows that are in use; None if all of its parts are in use as a whole."""
    served = run.slices[row["name"]]
    if served.keys() == {*row["parts"]} and all(keys is None for keys in served.values()):
        return None
    return [key for keys in run.keys(row["name"]).values() for key in keys]


def _remove_strays(run: StageRun) -> None:
    """Remove part files that no plan names any more: a kill left them, or all slices that had rows there have gone."""
    planned = {*run.dataset.plans(run.spec.outputs[0].folder, run.spec.fingerprint).names()}
    for output in run.spec.outputs:
        for part in run.dataset.committed(output, run.spec.fingerprint) - planned:
            run.dataset.store.remove(run.dataset.part_key(output, run.spec.fingerprint, part))


def _spec(dataset_uri: str, runs: Mapping[str, StageRun]) -> StageSpec:
    stages = {name: (run.spec.outputs, run.spec.fingerprint) for name, run in runs.items()}
    return make_spec(
        "slices",
        GatherSlice,
        VERSION,
        OUTPUTS,
        settings={},
        arguments={"dataset_uri": dataset_uri, "stages": stages},
        identity=("content",),
    )


def _remove_journal(dataset: Dataset) -> None:
    for folder in (OUTPUTS[0].folder, f"{PLANS}/{OUTPUTS[0].folder}"):
        for file in dataset.store.list(folder):
            dataset.store.remove(file.key)

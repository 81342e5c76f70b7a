"""Plans of whole tables become plans by slice: every row is found where it was, also those of parts of several slices.

python -m pytest tests/pipeline/dataset/test_migration_slices.py
"""

import tempfile
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.migration_slices import divide_plans, former_keys
from pipeline.dataset.plan import make_part
from pipeline.dataset.slices import Slices
from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Output
from pipeline.stages.encode.stage import OUTPUTS as ENCODE
from schemas.contract import STATUS_COLUMNS, Column, TableContract
from schemas.ids import video_id
from schemas.media_tables import SPLITS, VIDEOS
from tests.pipeline.captioned_dataset import OK, filled
from tests.pipeline.stopped import stopped

VIDEO_OUTPUT = Output(folder="videos", contract=VIDEOS, parent="object_id")
KEYS = [f"{number}.mp4" for number in range(8)]
IDS = {key: video_id(key, 1, "e") for key in KEYS}
SPLIT = (
    Output(folder="splits", contract=SPLITS, parent="video_id"),
    Output(folder="clips", contract=CLIPS, parent="video_id"),
)
MOODS = TableContract(
    name="moods",
    key="clip_id",
    doc="what a scorer measured that there is no more",
    columns=(
        Column(name="clip_id", type=pa.string(), doc="id"),
        Column(name="mood", type=pa.float64(), doc="a measure"),
        *STATUS_COLUMNS,
    ),
)
GONE = Output(folder="scores/mood", contract=MOODS, parent="clip_id")


def commit(dataset: Dataset, output: Output, rows: list[dict[str, Any]], *others: tuple[Output, list[Any]]) -> None:
    """A planned and committed part of a table that is not divided."""
    part = make_part([(row[output.contract.key], "i") for row in rows])
    dataset.append_plan(output.folder, "f", [part])
    for other, made in others:
        dataset.write_part(other, "f", part.name, filled(other.contract, made))
    dataset.write_part(output, "f", part.name, filled(output.contract, rows))


def former(folder: str, keys: list[str], size: int) -> Dataset:
    """What an earlier version left: videos two to a part, and doubled ones `size` to a part, in any order."""
    dataset = Dataset(folder)
    for start in range(0, len(KEYS), 2):
        rows = [{"object_id": f"o{key}", "video_id": IDS[key], "key": key, **OK} for key in KEYS[start : start + 2]]
        commit(dataset, VIDEO_OUTPUT, rows)
    for start in range(0, len(keys), size):
        ids = [IDS[key] for key in keys[start : start + size]]
        clips = [{"clip_id": f"{each}-{at}-{at + 500}", "video_id": each} for each in ids for at in (0, 500)]
        splits = [{"video_id": each, "shots": int(each[:4], 16), **OK} for each in ids]
        commit(dataset, SPLIT[0], splits, (SPLIT[1], clips))
        commit(dataset, GONE, [{"clip_id": clip["clip_id"], "mood": 0.5, **OK} for clip in clips])
        media = [{"sample_id": f"{clip['clip_id']}-64x48x1-0", "media": clip["clip_id"].encode()} for clip in clips]
        commit(dataset, ENCODE[0], [{"sample_id": each["sample_id"], **OK} for each in media], (ENCODE[1], media))
    dataset.append_plan(SPLIT[0].folder, "f", [make_part([("unknown", "i"), (IDS["0.mp4"], "later")])])
    dataset.append_plan("groups/videos", "f", [make_part([(IDS[key], "") for key in KEYS])])
    dataset.append_plan("verified", "f", [make_part([("shard", "c")])])
    return dataset


def rows(dataset: Dataset) -> list[Any]:
    """The rows of all parts, however they are cut."""
    found = []
    for output in (VIDEO_OUTPUT, *SPLIT, GONE, *ENCODE):
        table = dataset.read_parts(output, "f", dict.fromkeys(dataset.committed(output, "f")))
        found.append(table.drop_columns([PART_COLUMN]).sort_by(output.contract.key).to_pylist())
    return found


def divide(dataset: Dataset) -> Slices:
    slices = Slices.assigned(dataset.store, former_keys(dataset), 3)
    divide_plans(dataset, slices)
    return slices


def check(dataset: Dataset, slices: Slices, keys: list[str]) -> None:
    """Every committed row is planned once, in the slice of its source, in a part that is there."""
    names = dict(zip(KEYS, slices.of_keys(former_keys(dataset)).to_pylist(), strict=True))
    for output, wanted in (
        (VIDEO_OUTPUT, {f"o{key}": key for key in KEYS}),
        (SPLIT[0], {IDS[key]: key for key in keys}),
        (GONE, {f"{IDS[key]}-{at}-{at + 500}": key for key in keys for at in (0, 500)}),
        (ENCODE[0], {f"{IDS[key]}-{at}-{at + 500}-64x48x1-0": key for key in keys for at in (0, 500)}),
    ):
        plans, there = dataset.plans(output.folder, "f"), dataset.committed(output, "f")
        planned = {name: plans.read(name) for name in plans.slices}
        assert {part.name for parts in planned.values() for part in parts} == there
        homes = [(key, name) for name, parts in planned.items() for part in parts for key, _ in part.rows]
        assert sorted(homes) == sorted((each, names[key]) for each, key in wanted.items())
    assert dataset.plans("groups/videos", "f").slices == []
    assert dataset.plans("verified", "f").slices == [""]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(KEYS), unique=True), st.integers(1, 8))
def test_every_row_is_planned_in_the_slice_of_its_source(keys: list[str], size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = former(folder, keys, size)
        before = rows(dataset)
        slices = divide(dataset)
        assert rows(dataset) == before
        check(dataset, slices, keys)
        assert divide_plans(dataset, slices) == 0


@pytest.mark.parametrize("method", ["writing", "remove"])
def test_a_kill_at_any_moment_loses_nothing(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for moment in count():
        dataset = former(str(tmp_path / str(moment)), KEYS[::-1], 5)
        before = rows(dataset)
        if not stopped(monkeypatch, method, moment, partial(divide, dataset)):
            break
        dataset.remove_orphans(SPLIT, "f")
        dataset.remove_orphans(ENCODE, "f")
        slices = divide(dataset)
        check(dataset, slices, KEYS)
        assert rows(dataset) == before
    assert moment > 3

"""No table that grows with the dataset becomes a list of Python rows: a module that makes such lists says how many.

Tables go through DuckDB (`pipeline/dataset/query.py`) or as streams of record batches. `ALLOWED` holds the modules that
call `to_pylist`, how often, and what bounds the list; the ones under `WHOLE_TABLES` are not bounded yet, and none may
be added to them.

    python -m pytest tests/test_house_tables.py
"""

import ast
from pathlib import Path

import pytest

from tests.test_house import MODULES, _name, _tree

ALLOWED = {
    "pipeline/benchmarks/duplicates.py": (2, "the copies that a benchmark planted"),
    "pipeline/benchmarks/kills.py": (1, "the names of stages, or the rows of a small dataset"),
    "pipeline/commands/plan_runs.py": (4, "the sample of a plan, and the listing's keys and sizes"),
    "pipeline/commands/summary.py": (1, "a few captions, as examples"),
    "pipeline/dataset/complete.py": (1, "the slices of one stage"),
    "pipeline/dataset/energon.py": (1, "the samples of one batch"),
    "pipeline/dataset/lost_spans.py": (6, "some hundred videos or clips at once, and only those with odd times"),
    "pipeline/dataset/migration_slices.py": (3, "the sources of a dataset of an earlier version, once"),
    "pipeline/dataset/part_file.py": (1, "the keys that are asked for"),
    "pipeline/dataset/plan_files.py": (2, "the plan of one slice, or the names of its parts"),
    "pipeline/dataset/references.py": (2, "the rows of one part file, or of the stage's input"),
    "pipeline/dataset/slice_files.py": (3, "the plan of one slice"),
    "pipeline/dataset/slices.py": (2, "the names of slices"),
    "pipeline/dataset/verify.py": (1, "the index rows of a shard"),
    "pipeline/engine/group_state.py": (4, "the state of one group"),
    "pipeline/engine/grouping.py": (1, "the members of one slice"),
    "pipeline/engine/groups.py": (1, "the rows of one slice"),
    "pipeline/engine/identities.py": (3, "the rows of one slice"),
    "pipeline/engine/waves.py": (1, "the rows of one task"),
    "pipeline/engine/worker.py": (2, "the rows of one task"),
    "pipeline/planning/sources.py": (1, "the sources of a plan's sample"),
    "pipeline/readers/caption_records.py": (1, "the samples that a report measures"),
    "pipeline/readers/history.py": (6, "one clip, one video, or a table of an earlier version until its next run"),
    "pipeline/readers/teacher.py": (3, "the captions that a student learns from"),
    "pipeline/readers/teaching/examples.py": (2, "the vectors that are labelled"),
    "pipeline/readers/what_if/stills.py": (1, "the stills of the clips that a page shows"),
    "pipeline/stages/caption/rows.py": (5, "the stills, clips and spans of the groups that a step is asked for"),
    "pipeline/stages/pack/adoption.py": (1, "a thousand samples, in the first run after pack 7"),
    "pipeline/stages/pack/chunks.py": (1, "the groups of the shards that one batch begins"),
    "pipeline/stages/pack/json_texts.py": (1, "the texts of one batch that JSON escapes"),
    "pipeline/stages/pack/packing.py": (1, "the failed samples of one batch"),
    "pipeline/stages/pack/samples.py": (1, "the distinct sources or buckets of one batch"),
    "pipeline/stages/pack/shuffle.py": (1, "the ids of one batch"),
    "pipeline/stages/pack/verify.py": (4, "the names of shards, and what is wrong with them"),
    "pipeline/stages/select/gather.py": (3, "the clips of one file of features, and of one part file"),
    "pipeline/stages/select/select.py": (3, "the dropped clips of one batch, and the near-duplicates"),
    "pipeline/stages/slices/stage.py": (2, "the slices that are gathered, and the part files of one"),
    "pipeline/stages/steps_of_run.py": (7, "the rows of the groups that a step is asked for"),
    "schemas/named_values.py": (1, "the cells of a table of an earlier version, which a run converts once"),
    "training/benchmarks/loader.py": (1, "the names of shards"),
    "training/commands/encode.py": (1, "the failures that are listed"),
    "training/data/index.py": (6, "distinct words, or a batch of ids"),
    "training/data/selection.py": (3, "the names of shards and sources"),
    "training/doctor/shards.py": (1, "the names of shards"),
    "training/editing/source_clip.py": (2, "ids, to find the one that a person names"),
    "training/latents/read.py": (3, "the names of shards, and one row"),
    "training/latents/source.py": (1, "the rows of one part"),
    "training/latents/write.py": (1, "the rows of one part"),
}
WHOLE_TABLES = {
    "pipeline/engine/engine.py": 4,
    "pipeline/readers/export/run.py": 1,
    "pipeline/readers/opened.py": 1,
    "training/latents/verify.py": 1,
}


def _calls(path: Path) -> int:
    nodes = (node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call))
    return sum(isinstance(node.func, ast.Attribute) and node.func.attr == "to_pylist" for node in nodes)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_lists_of_rows_are_bounded(path: Path) -> None:
    allowed = WHOLE_TABLES.get(_name(path), ALLOWED.get(_name(path), (0, ""))[0])
    assert _calls(path) <= allowed, "query the table (pipeline/dataset/query.py), or say here what bounds the list"


def test_modules_that_are_mended_leave_the_lists() -> None:
    calls = {_name(path): _calls(path) for path in MODULES}
    listed = {**WHOLE_TABLES, **{name: count for name, (count, _) in ALLOWED.items()}}
    assert {name: calls.get(name) for name in listed} == listed

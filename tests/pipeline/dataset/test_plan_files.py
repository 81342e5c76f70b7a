"""Plans as files: what is appended comes back by slice, and a replaced plan counts at any moment of a kill.

python -m pytest tests/pipeline/dataset/test_plan_files.py
"""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.dataset.plan import make_part
from pipeline.dataset.plan_files import PlanFiles
from pipeline.storage.store import Store

ONE, TWO, THREE = (make_part([(key, "i"), (f"{key}2", "j")]) for key in ("a", "b", "c"))
GATHERED = pa.table({"part": ["slice-0-x"] * 4, "key": ["a", "a2", "b", "b2"], "identity": ["i", "j", "i", "j"]})


def plans(folder: Path) -> PlanFiles:
    return PlanFiles(Store(folder), "doubled", "f")


def test_parts_come_back_by_slice_oldest_first(tmp_path: Path) -> None:
    written = plans(tmp_path)
    written.append("slice-0", [ONE])
    written.append("slice-1", [THREE])
    plans(tmp_path).append("slice-0", [TWO])
    assert plans(tmp_path).read("slice-0") == [ONE, TWO]
    assert plans(tmp_path).read("slice-1") == [THREE]
    assert PlanFiles(Store(tmp_path), "doubled", "f", "slice-1").read_all() == [THREE]
    assert PlanFiles(Store(tmp_path), "doubled", "f", "slice-2").read("slice-2") == []
    assert plans(tmp_path).read("slice-2") == []
    assert plans(tmp_path).slices == ["slice-0", "slice-1"]
    assert plans(tmp_path).read_all() == [ONE, TWO, THREE]
    assert plans(tmp_path).names() == [ONE.name, TWO.name, THREE.name]


def test_plans_of_a_whole_table_lie_beside_those_of_slices(tmp_path: Path) -> None:
    plans(tmp_path).append("", [ONE])
    plans(tmp_path).append("slice-0", [TWO])
    assert (plans(tmp_path).read(), plans(tmp_path).read("slice-0")) == ([ONE], [TWO])


def test_a_replaced_plan_is_the_only_one(tmp_path: Path) -> None:
    plans(tmp_path).append("slice-0", [ONE])
    plans(tmp_path).append("slice-0", [TWO])
    plans(tmp_path).replace("slice-0", GATHERED)
    assert plans(tmp_path).table("slice-0").equals(GATHERED)
    assert len(Store(tmp_path).list()) == 1
    plans(tmp_path).append("slice-0", [THREE])
    assert [part.name for part in plans(tmp_path).read("slice-0")] == ["slice-0-x", THREE.name]


def test_a_kill_before_the_old_plans_go_names_no_part_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans(tmp_path).append("slice-0", [ONE, TWO])

    def killed(store: Store, key: str) -> None:
        raise KeyboardInterrupt

    left = pa.concat_tables([GATHERED, pa.table({"part": [TWO.name], "key": ["b"], "identity": ["i"]})])
    with monkeypatch.context() as patch:
        patch.setattr(Store, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            plans(tmp_path).replace("slice-0", left)
    read = plans(tmp_path).read("slice-0")
    assert [part.name for part in read] == [ONE.name, "slice-0-x", TWO.name]
    assert read[-1].rows == (("b", "i"),)

"""The front door opens where the person stands: paths mean there what they say, and the packages are the checkout's.

python -m pytest tests/test_house_front_door.py
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RECIPES = re.findall(
    r"^\[(?P<how>[^\]]*)\]\n(?P<name>[a-z-]+)[^\n]*\n\s+@?\"{{ python }}\" -m (?P<module>\S+)",
    (ROOT / "justfile").read_text(),
    re.MULTILINE,
)


def _just(where: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "CUTROOM_READY": "1", "PYTHONPATH": ""}
    just = [str(Path(sys.executable).with_name("just")), "--justfile", str(ROOT / "justfile")]
    return subprocess.run([*just, *arguments], cwd=where, env=environment, capture_output=True, text=True, check=False)


def test_every_command_runs_where_the_person_stands() -> None:
    ours = {name: how for how, name, module in RECIPES if module.split(".")[0] not in ("pytest", "tests")}
    assert {"curate", "train", "sample", "schemas"} <= {*ours}
    assert [name for name, how in ours.items() if "no-cd" not in how] == []


@pytest.mark.parametrize("recipe", ["ledger", "verify"])
def test_a_relative_path_is_read_from_there(tmp_path: Path, recipe: str) -> None:
    ended = _just(tmp_path, recipe, "nope")
    assert ended.returncode == 2
    assert f"there is no dataset nope and no datasets/nope in {tmp_path};" in ended.stderr


def test_a_folder_with_the_name_of_one_of_our_packages_is_a_folder(tmp_path: Path) -> None:
    """Another checkout around the person is not what runs, and `schemas` is the folder of this name that is there."""
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "__init__.py").write_text("raise SystemExit('the wrong package')")
    ended = _just(tmp_path, "ledger", "schemas")
    assert ended.returncode == 2
    assert f"{tmp_path}/schemas" in ended.stderr
    assert "wrong package" not in ended.stderr

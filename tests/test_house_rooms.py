"""The floor plan: no folder of a package is part of a circle of imports, and nothing is let past the contracts.

python -m pytest tests/test_house_rooms.py
"""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("schemas", "captioning", "pipeline", "training")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_module(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
FOLDERS = sorted(name for name, path in MODULES.items() if path.name == "__init__.py")


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where something stands"
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else str(node.module) for name in names)


@cache
def _imports() -> dict[str, set[str]]:
    """What of ours each module imports, inside functions and for types alone included."""
    return {name: {other for other in _imported(path) if other in MODULES} for name, path in MODULES.items()}


def _rooms(package: str) -> dict[str, set[str]]:
    """The folders right below a package, and the modules that stand beside them, by those that they import."""
    rooms: dict[str, set[str]] = defaultdict(set)
    for name, others in _imports().items():
        if name.startswith(f"{package}."):
            room = name.removeprefix(f"{package}.").split(".")[0]
            inside = {
                other.removeprefix(f"{package}.").split(".")[0] for other in others if other.startswith(f"{package}.")
            }
            rooms[room] |= inside - {room}
    return rooms


def test_the_graph_is_read() -> None:
    assert "pipeline.stages.split.stage" in MODULES
    assert "pipeline.stage" in _imports()["pipeline.stages.split.stage"]
    assert {"media", "stage"} <= _rooms("pipeline")["stages"]


def _is_folder(package: str, room: str) -> bool:
    return f"{package}.{room}" in FOLDERS


@pytest.mark.parametrize("package", FOLDERS)
def test_no_folder_is_part_of_a_circle(package: str) -> None:
    """Modules of one folder may name each other's types; a folder in a circle cannot be understood by itself."""
    rooms = _rooms(package)
    try:
        order = list(TopologicalSorter(rooms).static_order())
    except CycleError as error:
        circle: list[str] = error.args[1]
        assert not any(_is_folder(package, room) for room in circle), f"{package}: {' -> '.join(circle)}"
    else:
        assert set(rooms) <= set(order)


def test_nothing_is_let_past_the_contracts() -> None:
    for contract in CONTRACTS["contracts"]:
        assert not any("ignore" in key or "unmatched" in key for key in contract), contract["name"]


def _layers(word: str) -> set[str]:
    (contract,) = (
        candidate for candidate in CONTRACTS["contracts"] if candidate["type"] == "layers" and word in candidate["name"]
    )
    return {name for layer in contract["layers"] for name in re.split(r"\s*\|\s*", layer)}


def test_every_room_stands_in_the_contracts() -> None:
    everything = _layers("this list")
    rooms = {f"pipeline.{room}" for room in _rooms("pipeline")}
    assert rooms | {"schemas", "captioning", "training"} == everything
    assert {name for name in FOLDERS if name.count(".") == 1 and name.startswith("training.")} <= _layers("training")
    assert {name for name in FOLDERS if name.count(".") == 1 and name.startswith("captioning.")} == {
        name for name in _layers("captioning") if name in FOLDERS
    }


def test_training_is_forbidden_to_all_of_curation_but_its_commands() -> None:
    (contract,) = (
        candidate for candidate in CONTRACTS["contracts"] if candidate.get("forbidden_modules") == ["training"]
    )
    rooms = {f"pipeline.{room}" for room in _rooms("pipeline")}
    assert set(contract["source_modules"]) == rooms - {"pipeline.commands"}


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name
)
def test_pages_name_files_and_modules_that_exist(page: Path) -> None:
    text = re.sub(r"^# \S+\.py$", "", page.read_text(), flags=re.MULTILINE)  # the file that an example would become
    files = set(re.findall(r"(?<![\w/])((?:schemas|captioning|pipeline|training|tests)/[\w/]+\.\w+)", text))
    modules = set(re.findall(r"python -m ((?:schemas|captioning|pipeline|training)(?:\.\w+)+)", text))
    assert [name for name in files if not (ROOT / name).exists()] == []
    assert modules - set(MODULES) == set()


def test_docstrings_name_files_and_modules_that_exist() -> None:
    lost = []
    for name, path in MODULES.items():
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        files = re.findall(r"(?<![\w/])((?:schemas|captioning|pipeline|training|tests)/[\w/]+\.py)", text)
        modules = re.findall(r"(?:python -m |`)((?:schemas|captioning|pipeline|training)(?:\.[a-z]\w*)+)", text)
        lost += [f"{name}: {file}" for file in files if not (ROOT / file).exists()]
        lost += [f"{name}: {module}" for module in modules if not _is_known(module)]
    assert lost == []


def _is_known(name: str) -> bool:
    return name in MODULES or name.rpartition(".")[0] in MODULES

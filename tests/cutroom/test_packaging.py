"""What `pip install .` brings is what the repository is developed with, and every file that the packages read.

python -m pytest tests/cutroom/test_packaging.py
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Of requirements/common.in: what sets the repository up, and what only its development needs.
_NOT_SHIPPED = {
    "uv", "rust-just", "ruff", "mypy", "import-linter", "pytest", "pytest-timeout", "hypothesis", "playwright", "moto",
    "types-PyYAML", "datasets", "polars", "megatron-energon", "pytest-xdist",
}  # fmt: skip


def _listed(name: str) -> set[str]:
    lines = (line.strip() for line in (ROOT / "requirements" / name).read_text().splitlines())
    return {line for line in lines if line and not line.startswith(("#", "-r"))}


def _bare(requirement: str) -> str:
    return re.split(r"[\[=;<> ]", requirement)[0]


def test_dependencies_and_their_pins_are_those_of_the_requirements() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    shipped = {*PROJECT["project"]["dependencies"], *extras["train"]}
    wanted = {line for line in _listed("common.in") if _bare(line) not in _NOT_SHIPPED}
    served = {line for line in wanted if line.startswith("ray[")}
    assert shipped - {"ray[data]==2.60.0"} == wanted - served
    assert len(served) == 1
    for extra, file in (("vllm-cpu", "cpu.in"), ("gpu", "gpu.in")):
        assert set(extras[extra]) == served | _listed(file)
    assert {line.replace("[data,serve]", "[data]") for line in served} <= shipped


def test_overrides_are_those_of_the_requirements() -> None:
    mine = {line.replace("'", '"') for line in PROJECT["tool"]["uv"]["override-dependencies"]}
    assert mine == _listed("overrides.txt")


def test_every_file_beside_the_code_is_package_data() -> None:
    packages = ("schemas", "captioning", "pipeline", "training")
    beside = {
        "py.typed" if path.name == "py.typed" else f"*{path.suffix}"
        for package in packages
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert beside == set(PROJECT["tool"]["setuptools"]["package-data"]["*"])
    assert all((ROOT / package / "py.typed").is_file() for package in packages)
    assert PROJECT["tool"]["setuptools"]["packages"]["find"]["include"] == [f"{name}*" for name in packages]

"""What the picture of the architecture shows, read from the code: stages, rooms, their one-line docs, who imports Ray.

Stages stand in order in the docstring of `pipeline.stages`, rooms and their order in the import contracts of
pyproject.toml, what each is for in the first sentence of its docstring.
"""

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_STAGES = ROOT / "pipeline" / "stages"
_LONGEST = 106  # characters of a sentence that fits a box


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A package or module: dotted name, what it is for in one sentence, and whether anything in it imports Ray."""

    name: str
    purpose: str
    uses_ray: bool

    @property
    def label(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2]


def stages() -> list[Room]:
    """The stages in the order of a run."""
    match = re.search(r"in the order of the run: ([\w, ]+)\.", _docstring(_STAGES / "__init__.py"))
    assert match, f"{_STAGES}: its docstring lists no stages"
    return [_room(f"pipeline.stages.{name}") for name in match[1].split(", ")]


def layers(words: str) -> list[list[Room]]:
    """The layers of the one import contract whose name holds these words, from the top; rooms side by side."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["type"] == "layers" and words in contract["name"])
    return [[_room(name) for name in re.split(r"\s*\|\s*", layer)] for layer in contract["layers"]]


@cache
def _room(name: str) -> Room:
    path = ROOT.joinpath(*name.split("."))
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    return Room(
        name=name,
        purpose=_first_sentence(path / "__init__.py" if path.is_dir() else files[0]),
        uses_ray=any(_imports_ray(file) for file in files),
    )


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def _first_sentence(path: Path) -> str:
    """Without the room's own name before it; a long one only up to the last colon, else comma, that makes it fit."""
    own = path.parent.name if path.name == "__init__.py" else path.stem
    text = " ".join(_docstring(path).partition("\n\n")[0].replace("`", "").split())
    text = re.sub(rf"^(the )?{own}: ", "", text, flags=re.IGNORECASE)
    text = re.split(r"\.(?: |$)", text)[0]
    if len(text) > _LONGEST:
        for marks in (r"[;:] | \(", r", "):
            fitting = [match.start() for match in re.finditer(marks, text) if match.start() <= _LONGEST]
            text = text[: fitting[-1]] if fitting and len(text) > _LONGEST else text
    return text[:1].upper() + text[1:]


def _imports_ray(path: Path) -> bool:
    return re.search(r"^\s*(?:import|from) ray\b", path.read_text(), re.MULTILINE) is not None

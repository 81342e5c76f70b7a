"""Reads a person's labels: a CSV with a file, a clip or a still per row, and its label.

    file,seconds,label              clip,label                      still,label,note
    talks/a.mp4,12.5,yes            91ec9ba4333aec69-0-4400,0       91ec9ba4333aec69-0-4400-s001,3.5,blurred

A file without `seconds` is labelled as a whole. Labels are two classes (0 and 1, or yes and no) or any numbers, which
are ratings. `source` names a row's origin if that is not the file or the clip's video: two uploads of one video are one
source. `note` is free text. Anything else is refused with its row, because a misread label teaches the opposite.

    labels = read_labels(Path("labels.csv"))
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemas.errors import InputError
from schemas.nearest import did_you_mean

TARGETS = ("file", "clip", "still")
COLUMNS = (*TARGETS, "seconds", "label", "source", "note")
WORDS = {"yes": 1.0, "no": 0.0}

Kind = Literal["class", "rating"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label: its row in the CSV (the heading is row 1), what it refers to, and its value."""

    row: int
    target: str
    """`file`, `clip` or `still`."""
    name: str
    seconds: float | None
    value: float
    source: str
    note: str

    @property
    def text(self) -> str:
        """What it refers to, for messages."""
        return self.name if self.seconds is None else f"{self.name} at {self.seconds:g} s"


def read_labels(path: Path) -> list[Label]:
    """The labels in the order of the file. Raises `InputError` with the row and the fix for an invalid row."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            _check_columns(path, rows.fieldnames or ())
            labels = [_read(path, number, row) for number, row in enumerate(rows, start=2)]
    except OSError as error:
        raise InputError(f"labels {path}: {error.strerror}; give a CSV with a heading, see just teach --help") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"labels {path} are not a CSV in UTF-8 ({error}); save them as one") from None
    if not labels:
        raise InputError(f"labels {path} have no row below the heading; add a row per label")
    seen: dict[tuple[str, str, float | None], int] = {}
    for label in labels:
        first = seen.setdefault((label.target, label.name, label.seconds), label.row)
        if first != label.row:
            raise InputError(f"labels {path.name}, row {label.row}: {label.text} is already labelled in row {first}")
    return labels


def kind_of(labels: Sequence[Label]) -> Kind:
    """`class` if every label is 0 or 1, else `rating`."""
    return "class" if {label.value for label in labels} <= {0.0, 1.0} else "rating"


def _check_columns(path: Path, names: Sequence[str]) -> None:
    for name in names:
        if name not in COLUMNS:
            raise InputError(f"labels {path.name}, row 1: no column {name!r}; {did_you_mean(name, COLUMNS)}")
    if len(set(names)) < len(names):
        raise InputError(f"labels {path.name}, row 1: a column occurs twice in {', '.join(names)}")
    if "label" not in names or not set(TARGETS) & set(names):
        raise InputError(f"labels {path.name}, row 1: needs `label` and one of {', '.join(TARGETS)}; has {names}")


def _read(path: Path, number: int, row: Mapping[str | None, str | None]) -> Label:
    location = f"labels {path.name}, row {number}"
    if None in row or None in row.values():
        raise InputError(f"{location}: the number of cells differs from the heading's; quote text that has a comma")
    cells = {str(name): str(cell).strip() for name, cell in row.items()}
    targets = [name for name in TARGETS if cells.get(name)]
    if len(targets) != 1:
        named = " and ".join(targets) or "none of them"
        raise InputError(f"{location}: names {named}; name exactly one of {', '.join(TARGETS)}")
    target = targets[0]
    seconds = _number(location, "seconds", cells["seconds"]) if cells.get("seconds") else None
    if seconds is not None and (target != "file" or seconds < 0):
        raise InputError(f"{location}: seconds = {seconds:g}; only a file has them, counted from its first frame")
    text = cells["label"].lower()
    value = WORDS[text] if text in WORDS else _number(location, "label", text)
    name = cells[target]
    source = cells.get("source") or (name if target == "file" else name.split("-")[0])
    return Label(
        row=number, target=target, name=name, seconds=seconds, value=value, source=source, note=cells.get("note", "")
    )


def _number(location: str, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        allowed = "a number, 0 or 1, yes or no" if column == "label" else "a number"
        raise InputError(f"{location}: {column} = {text!r} is not {allowed}")
    return value

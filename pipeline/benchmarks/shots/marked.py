"""Videos with boundaries marked by people, in the formats of the public shot datasets, recognised by file name.

    boundaries.tsv, <part>_boundaries.tsv    video, kind, last frame of the old shot, first frame of the new; videos
                                             in `films/` or `<part>/`; kind `unsure` is neither required nor false
    <part>_no_boundary.tsv                   video, first and last frame of a stretch without a boundary, its event
    *.json                                   ClipShots: {"<video>": {"transitions": [[last, first], ...]}}
    kuaishou_v2.txt                          SHOT: a line `<video> <frames>`, then a line `last,first` per boundary
    *_gt.txt, RAI-*.txt, shots/*.txt,        RAI, BBC and SHOT's single files: a line `first last` per shot
    <video>.txt

A video is matched by its name, with or without the extension; a BBC annotation by the number that it begins with.
Videos without an annotation, and annotations without a video, are left out. Lines that make no sense (the public files
contain typing errors) are left out with a warning.

    just bench split --marked <folder>
"""

import csv
import itertools
import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.stages.split.detectors.base import Boundary
from schemas.errors import InputError

_log = logging.getLogger(__name__)
UNSURE = "unsure"
_VIDEOS = {".mp4", ".mkv", ".avi", ".mov", ".webm", ".mpg", ".m4v"}
_TABLE, _NONE_TABLE, _SHOT_LISTING = "boundaries.tsv", "no_boundary.tsv", "kuaishou_v2.txt"


@dataclass(frozen=True, slots=True)
class Mark:
    """A boundary marked by a person, and its kind: `cut`, `gradual`, `dissolve`, ..., or `unsure`."""

    boundary: Boundary
    kind: str


@dataclass(frozen=True, slots=True)
class NoBoundary:
    """A stretch of a video in which, according to a person, no shot ends, and what happens there."""

    first: int
    last: int
    what: str


@dataclass(frozen=True, slots=True)
class MarkedVideo:
    """A video file and its marks in order. `part` names the table or folder that it comes from."""

    path: Path
    part: str
    marks: tuple[Mark, ...]
    no_boundaries: tuple[NoBoundary, ...] = ()


def read_marked(folder: Path) -> list[MarkedVideo]:
    """The videos below a folder that have an annotation. Raises `InputError` if there are none."""
    videos = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _VIDEOS]
    marked: dict[Path, MarkedVideo] = {}
    for path in sorted(folder.rglob("*")):
        for name, marks in _read(path).items():
            for video in _named(name, path, videos):
                part = _part(path, folder)
                quiet = parse_no_boundaries(path.with_name(f"{part}_{_NONE_TABLE}")).get(name, ())
                marked[video] = MarkedVideo(video, part, tuple(sorted(marks, key=_place)), tuple(quiet))
    if not marked:
        raise InputError(
            f"{folder} has no video with marked boundaries; expected videos beside {_TABLE}, ClipShots' JSON, "
            f"{_SHOT_LISTING}, or a text file per video with a line `first last` per shot"
        )
    return [marked[path] for path in sorted(marked)]


def _place(mark: Mark) -> int:
    return mark.boundary.end_of_old


def _part(path: Path, folder: Path) -> str:
    """`films` for `boundaries.tsv`, the part's name for a part's table, else the annotation's or its folder's name."""
    if path.name.endswith(_TABLE):
        return path.name.removesuffix(_TABLE).rstrip("_") or "films"
    return path.stem if path.parent == folder else path.parent.name


def _named(name: str, annotation: Path, videos: Iterable[Path]) -> list[Path]:
    """The videos of an annotation. The part of a table is in the folder of that name, if there is one."""
    part = annotation.parent / _part(annotation, annotation.parent)
    wanted = [path for path in videos if path.stem == name or path.name == name or _number(path.stem, name)]
    return [path for path in wanted if path.is_relative_to(part)] or wanted


def _number(stem: str, name: str) -> bool:
    """BBC's videos are called `bbc_01` and their annotations `01_From_Pole_to_Pole`."""
    return bool(re.fullmatch(r"bbc_(\d+)", stem)) and re.match(r"\d+", name) is not None and stem[4:] == name[:2]


def _read(path: Path) -> Mapping[str, list[Mark]]:
    """The marks of an annotation file, by video; empty if it is not one."""
    if path.name.endswith(_TABLE):
        return parse_table(path.read_text())
    if path.suffix == ".json":
        return parse_clipshots(path.read_text())
    if path.name == _SHOT_LISTING:
        return parse_shot_listing(path.read_text())
    if path.suffix == ".txt":
        marks = parse_shots(path.read_text())
        return {} if marks is None else {path.stem.removesuffix("_gt"): marks}
    return {}


def parse_table(text: str) -> dict[str, list[Mark]]:
    """A tab-separated table of boundaries: video, kind, last frame of the old shot, first of the new; then notes."""
    videos: dict[str, list[Mark]] = {}
    for number, row in enumerate(csv.reader(text.splitlines(), delimiter="\t"), 1):
        if len(row) < 4 or not (row[2].isdigit() and row[3].isdigit()):
            if number > 1 and any(row):
                _log.warning("line %d of the table is no boundary, left out: %s", number, row)
            continue
        videos.setdefault(row[0], []).extend(_marks(int(row[2]), int(row[3]), row[1]))
    return videos


def parse_no_boundaries(path: Path) -> dict[str, list[NoBoundary]]:
    """A table of stretches without a boundary; the event is named by the words before the first colon of its note."""
    videos: dict[str, list[NoBoundary]] = {}
    for row in csv.reader(path.read_text().splitlines(), delimiter="\t") if path.exists() else ():
        if len(row) >= 4 and row[1].isdigit() and row[2].isdigit():
            what = row[3].split(":")[0].strip()
            videos.setdefault(row[0], []).append(NoBoundary(int(row[1]), int(row[2]), what))
    return videos


def parse_clipshots(text: str) -> dict[str, list[Mark]]:
    """ClipShots' annotations, by video; empty for anything else."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    videos: dict[str, list[Mark]] = {}
    for name, facts in content.items() if isinstance(content, dict) else ():
        pairs = facts.get("transitions") if isinstance(facts, dict) else None
        if isinstance(pairs, list):
            videos[Path(name).stem] = [mark for pair in pairs for mark in _pair(pair)]
    return videos


def _pair(pair: object) -> list[Mark]:
    if isinstance(pair, list) and len(pair) == 2 and all(isinstance(frame, int | float) for frame in pair):
        return _marks(int(pair[0]), int(pair[1]))
    _log.warning("no transition, left out: %s", pair)
    return []


def parse_shot_listing(text: str) -> dict[str, list[Mark]]:
    """SHOT's listing of all videos (`kuaishou_v2.txt`), by video."""
    videos: dict[str, list[Mark]] = {}
    marks: list[Mark] | None = None
    for line in text.splitlines():
        if name := re.match(r"\s*(\S+)\.mp4\b", line):
            marks = videos.setdefault(name[1], [])
        elif numbers := re.fullmatch(r"\D*(\d+)[\s,.]+(\d+)\D*", line):
            if marks is not None:
                marks += _marks(int(numbers[1]), int(numbers[2]))
        elif line.strip():
            _log.warning("no boundary, left out: %s", line)
    return videos


def parse_shots(text: str) -> list[Mark] | None:
    """Boundaries between shots given as lines `first last`; None if any line has another form."""
    lines = [line for line in text.splitlines() if line.strip()]
    matches = [re.fullmatch(r"\s*(\d+)[\s,]+(\d+)\s*", line) for line in lines]
    shots = [(int(match[1]), int(match[2])) for match in matches if match]
    if not shots or len(shots) < len(lines):
        return None
    return [mark for old, new in itertools.pairwise(shots) for mark in _marks(old[1], new[0])]


def _marks(last: int, first: int, kind: str = "") -> list[Mark]:
    """The mark between the last frame of the old shot and the first of the new one; none if they are out of order.

    If both are the same frame, it is a cut at that frame.
    """
    if not 0 <= last <= first:
        _log.warning("a boundary from frame %d to %d is none, left out", last, first)
        return []
    boundary = Boundary(min(last + 1, first), first)
    return [Mark(boundary, kind or ("cut" if boundary.is_cut else "gradual"))]

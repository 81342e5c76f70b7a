"""The output folder of an export: its log, which clips are complete, and what must be removed.

`export.jsonl` at its top is the log: a heading (dataset, layout, lists), then a line for each clip once its files are
complete. So an interrupted export resumes, a changed clip is rewritten, and clips that no longer ship or are no longer
requested are removed: readers that take all files of a folder would train on them. Only files named in the log, and
temporary files of killed writers, are ever removed.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pipeline.storage.store import TEMPORARY, Store, dataset_errors
from schemas.errors import DatasetError

LOG = "export.jsonl"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A clip whose files are complete: its origin, the length and text of its caption, its files, its size in bytes."""

    sample_id: str
    checksum: str
    length: str
    caption: str
    media: str
    texts: list[str]
    size: int


_ENTRY = {entry.name for entry in fields(Entry)}


@dataclass(slots=True)
class ExportFolder:
    """A folder of one dataset in one layout. `open_export` makes it; `entries` holds clips by id."""

    path: Path
    dataset: str
    layout: str
    entries: dict[str, Entry] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.path)

    def holds(self, entry: Entry) -> bool:
        """Whether all files of an entry exist, the media file with its full size."""
        media = self.path / entry.media
        return (
            media.is_file()
            and media.stat().st_size == entry.size
            and all((self.path / text).is_file() for text in entry.texts)
        )

    @contextmanager
    def logging(self) -> Iterator[IO[str]]:
        """The open log, to which `note` appends."""
        with dataset_errors(str(self.path / LOG)):
            log = (self.path / LOG).open("a", encoding="utf-8")
        with log:
            yield log

    def note(self, log: IO[str], entry: Entry) -> None:
        """Record that an entry's files are complete."""
        with dataset_errors(str(self.path / LOG)):
            log.write(json.dumps(asdict(entry)) + "\n")
            log.flush()
        self.entries[entry.sample_id] = entry

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files of this export, and folders that become empty."""
        for path in paths:
            (self.path / path).unlink(missing_ok=True)
            for parent in (self.path / path).relative_to(self.path).parents:
                folder = self.path / parent
                if folder == self.path or not folder.is_dir() or any(folder.iterdir()):
                    break
                folder.rmdir()

    def save(self) -> None:
        """Rewrite the log atomically: the heading, then every entry once, sorted."""
        heading = {"format": _FORMAT, "dataset": self.dataset, "layout": self.layout, "lists": self.lists}
        rows = [asdict(self.entries[key]) for key in sorted(self.entries)]
        self.store.write(LOG, "".join(json.dumps(row) + "\n" for row in [heading, *rows]).encode())


def open_export(path: Path, dataset: str, layout: str) -> ExportFolder:
    """The export folder at an absolute path, with its complete entries.

    Raises `DatasetError` if it contains other files, or the export of another dataset or layout.
    """
    folder = ExportFolder(path, dataset, layout)
    log = path / LOG
    if not log.is_file():
        with dataset_errors(str(path)):
            names = sorted(file.name for file in path.iterdir()) if path.exists() else []
        if names_ := [name for name in names if not name.startswith(TEMPORARY)]:
            raise DatasetError(
                f"{path} is not empty ({names_[0]}) and no export ({LOG} is missing); choose a new or an empty folder"
            )
        folder.save()
        return folder
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    heading = _parsed(lines[0] if lines else "") or {}
    if heading.get("format") != _FORMAT or not {"dataset", "layout", "lists"} <= heading.keys():
        raise DatasetError(f"{log} cannot be read as an export's log; remove the folder, or choose another")
    if (heading["dataset"], heading["layout"]) != (dataset, layout):
        raise DatasetError(
            f"{path} is an export of {heading['dataset']} as {heading['layout']}, not of {dataset} as {layout}; choose"
            " another folder, or remove this one"
        )
    folder.lists = [name for name in heading["lists"] if _is_inside(name)]
    for line in lines[1:]:
        row = _parsed(line) or {}  # the last line of an export that was killed may be torn
        if row.keys() == _ENTRY and all(_is_inside(name) for name in (row["media"], *row["texts"])):
            folder.entries[row["sample_id"]] = Entry(**row)
    folder.save()
    return folder


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _is_inside(path: str) -> bool:
    """Whether a logged path stays in the folder, however the log was changed."""
    return not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts

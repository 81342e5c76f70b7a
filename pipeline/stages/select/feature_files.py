"""Where the features of clips are stored: files by arrival under the dataset, of which nothing is ever changed.

    .features/<name>/vectors-000000.npy     mean embeddings, float16 [clips, D]
    .features/<name>/hashes-000000.npy      hashes of all stills, uint64, clip after clip
    .features/<name>/rows-000000.npy        `ROW` of each clip: where its hashes begin, its length, its shot, its look
    .features/<name>/clips-000000.parquet   `CLIPS`: the ids; written last, so that a number counts if it is there
    .features/<name>/index-4096/            the index of the vectors (`vector_index`)
    .features/<name>/pairs/<floor>/         the pairs that may be copies (`pairs`)

Arrays, because the search maps them into memory and reads single rows: Parquet would decode a million vectors for one.
The name holds the fingerprints of embed and split, so features of other settings are left alone and found again when
the settings return. In an object store the files that a search needs are copied to a temporary folder for its duration.

A clip goes by its place: file number << 32 | row.

    with FeatureFiles(dataset.store, "3f1c-77ab") as files:
        files.map("vectors", 0)[5]
"""

import tempfile
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.storage.store import Store

FOLDER = ".features"
_LAYOUT = 1
ROWS_PER_FILE = 1 << 20
ROW = np.dtype(
    [
        ("start", "<i8"),  # of its hashes in the file's
        ("stills", "<i4"),
        ("image", "?"),
        ("searched", "?"),  # whether it stands for its look; the others are copies of such a clip, bit by bit
        ("duration", "<f8"),
        ("shot", "<u8"),
        ("look", "<u8"),
    ]
)
CLIPS = pa.schema(
    [
        ("place", pa.int64()),
        ("clip_id", pa.string()),
        ("embedded", pa.int64()),
        ("look", pa.uint64()),
        ("shot", pa.uint64()),
        ("searched", pa.bool_()),
    ]
)
Kind = Literal["vectors", "hashes", "rows"]
ARRAYS: tuple[Kind, ...] = ("vectors", "hashes", "rows")
Places = NDArray[np.int64]
_ROW_BITS = 32


class FeatureFiles:
    """The files of one name, of which `numbers` are committed. A context, at whose end temporary copies go."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.root = f"{FOLDER}/{name}-v{_LAYOUT}"
        self._copies: tempfile.TemporaryDirectory[str] | None = None
        self._keys: dict[str, set[int]] = defaultdict(set)
        self._headers: dict[str, tuple[np.dtype[Any], tuple[int, ...], int]] = {}
        self._next = 0
        for file in store.list(self.root):
            self._note(file.key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._copies is not None:
            self._copies.cleanup()

    @property
    def numbers(self) -> list[int]:
        """Numbers of the committed files, in the order of their arrival."""
        return sorted(self._keys["clips"])

    @property
    def clips(self) -> list[str]:
        """The keys of the tables of committed clips, for queries."""
        return [self.key("clips", number) for number in self.numbers]

    def key(self, kind: str, number: int) -> str:
        """The key of a file."""
        return f"{self.root}/{kind}-{number:06d}.{'parquet' if kind == 'clips' else 'npy'}"

    def new_number(self) -> int:
        """A number that no file of this name has had, also no pairs or index of one that was lost."""
        self._next += 1
        return self._next - 1

    def committed(self, number: int) -> None:
        """Say that the clips table of this number has been written."""
        self._keys["clips"].add(number)

    def remove_unfinished(self) -> None:
        """Remove the arrays of a killed run, whose clips were never committed."""
        for kind in ARRAYS:
            for number in self._keys[kind] - self._keys["clips"]:
                self.store.remove(self.key(kind, number))

    def rows(self, number: int) -> int:
        """How many clips a file holds."""
        return len(self.map("rows", number))

    def map(self, kind: Kind, number: int) -> NDArray[Any]:
        """An array in the pages of its file; let it go soon, so that they do not add up."""
        path = self.local(self.key(kind, number))
        if path not in self._headers:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            # Parsing a header takes longer than mapping the file.
            self._headers[path] = array.dtype, array.shape, array.offset
        dtype, shape, offset = self._headers[path]
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.memmap(path, dtype, "r", offset, shape)

    def local(self, key: str) -> str:
        """The path on this machine of a file, copied here first if it is in an object store."""
        if self.store.is_local:
            return f"{self.store.query_root}/{key}"
        if self._copies is None:
            self._copies = tempfile.TemporaryDirectory(prefix="cutroom-features-")
        path = Path(self._copies.name) / key
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.store.filesystem.get_file(f"{self.store.query_root}/{key}", str(path))
        return str(path)

    def _note(self, key: str) -> None:
        name = key.rsplit("/", 1)[1].partition(".")[0]
        kind, _, rest = name.partition("-")
        numbers = [int(part) for part in rest.split("-") if part.isdigit()]
        if not numbers:
            return
        self._next = max(self._next, numbers[-1] + 1)
        if key.count("/") == self.root.count("/") + 1:
            self._keys[kind].add(numbers[0])


def place(number: int, rows: NDArray[np.int64]) -> Places:
    """The places of rows of a file."""
    places: Places = (np.int64(number) << _ROW_BITS) | rows
    return places


def by_file(places: Places) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """(file number, indices into `places`, rows in that file) of every file that they name."""
    if not len(places):
        return []
    rows = places & ((1 << _ROW_BITS) - 1)
    numbers = places >> _ROW_BITS
    lowest = int(numbers.min())
    if lowest == numbers.max():
        return [(lowest, np.arange(len(places)), rows)]
    present = np.flatnonzero(np.bincount(numbers - lowest)) + lowest
    indices = [np.flatnonzero(numbers == number) for number in present]
    return [(int(number), those, rows[those]) for number, those in zip(present, indices, strict=True)]

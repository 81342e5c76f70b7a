"""The plans of a table as files: which rows belong to which part, slice by slice.

    .plans/<table>/<fingerprint>/<slice>/plan-0000.parquet      part, key, identity
    .plans/<table>/<fingerprint>/plan-0000.parquet              of a table that is not divided into slices

A run adds files before it computes what they name. When a slice's parts become one file, one plan replaces all of the
slice: it is written first, and of two plans that name a part the later one counts, so a kill in between costs nothing.

    plans = PlanFiles(dataset.store, "stills", fingerprint)
    plans.append("slice-000000", parts)
"""

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.plan import Part
from pipeline.dataset.slices import WHOLE
from pipeline.storage.store import Store

PLANS = ".plans"
_SCHEMA = pa.schema([("part", pa.string()), ("key", pa.string()), ("identity", pa.string())])


def is_plan(name: str) -> bool:
    """Whether a file name is that of a plan."""
    return name.startswith("plan-") and name.endswith(".parquet")


class PlanFiles:
    """The plans of one table under one fingerprint. Its files are listed once; nobody else adds any meanwhile.

    With `only` those of one slice: then nothing else is listed.
    """

    def __init__(self, store: Store, folder: str, fingerprint: str, only: str = WHOLE) -> None:
        self._store = store
        self._root = f"{PLANS}/{folder}/{fingerprint}"
        self._files: dict[str, list[str]] = defaultdict(list)
        if only:
            self._files[only] = [key for key in store.names(f"{self._root}/{only}") if is_plan(key.split("/")[-1])]
            return
        # A plan that an earlier version left among the parts counts too; a run moves it (`migration.py`).
        for parent in (f"{folder}/{fingerprint}", self._root):
            for file in store.list(parent):
                within, _, name = file.key.removeprefix(f"{parent}/").rpartition("/")
                if is_plan(name):
                    self._files[within].append(file.key)

    @property
    def slices(self) -> list[str]:
        """The slices that have a plan, by name."""
        return sorted(self._files)

    def table(self, slice_name: str) -> pa.Table:
        """The rows of a slice's plan (part, key, identity), parts oldest first."""
        tables = [_SCHEMA.empty_table()]
        for key in sorted(self._files.get(slice_name, ()), key=lambda path: path.rsplit("/", 1)[1]):
            table = pq.read_table(io.BytesIO(self._store.read(key)), schema=_SCHEMA)
            named = table["part"].unique()
            tables = [earlier.filter(pc.invert(pc.is_in(earlier["part"], value_set=named))) for earlier in tables]
            tables.append(table)
        return pa.concat_tables(tables)

    def names(self) -> list[str]:
        """The names of all planned parts, those of a slice oldest first."""
        return [name for each in self.slices for name in self.table(each)["part"].unique().to_pylist()]

    def read(self, slice_name: str = WHOLE) -> list[Part]:
        """The parts planned so far in a slice, oldest first."""
        parts: dict[str, list[tuple[str, str]]] = {}
        columns = (self.table(slice_name)[name].to_pylist() for name in _SCHEMA.names)
        for part, key, identity in zip(*columns, strict=True):
            parts.setdefault(part, []).append((key, identity))
        return [Part(name, tuple(rows)) for name, rows in parts.items()]

    def read_all(self) -> list[Part]:
        """The parts of all slices, those of a slice oldest first."""
        return [part for name in self.slices for part in self.read(name)]

    def append(self, slice_name: str, parts: Iterable[Part]) -> None:
        """Record newly planned parts of a slice, before any of them is computed."""
        rows = [(part.name, key, identity) for part in parts for key, identity in part.rows]
        self.append_table(slice_name, pa.table([list(column) for column in zip(*rows, strict=True)], schema=_SCHEMA))

    def append_table(self, slice_name: str, table: pa.Table) -> None:
        """`append` for parts as a table."""
        files = self._files[slice_name]
        number = max((int(path.rsplit("-", 1)[1].removesuffix(".parquet")) for path in files), default=-1) + 1
        key = "/".join(filter(None, (self._root, slice_name, f"plan-{number:04d}.parquet")))
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        self._store.write(key, buffer.getvalue())
        files.append(key)

    def replace(self, slice_name: str, table: pa.Table) -> None:
        """Make `table` (part, key, identity) the only plan of a slice."""
        earlier: Sequence[str] = tuple(self._files[slice_name])
        self.append_table(slice_name, table)
        for key in earlier:
            self._store.remove(key)
        self._files[slice_name] = self._files[slice_name][-1:]

    def remove(self, slice_name: str) -> None:
        """Forget what was planned in a slice: none of its part files is there any more."""
        for key in self._files.pop(slice_name, ()):
            self._store.remove(key)

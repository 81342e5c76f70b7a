"""Which rows go into which part file: the memory that makes a killed run and an undisturbed one give the same bytes.

A part is computed whole and stands in one file named by a hash of its rows. Rows keep the part they were first planned
into; only rows that no part holds are cut into new ones. So a resumed run recomputes exactly the parts that are
missing, a batch-sensitive model sees the same batches again, and growth never touches what is done.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from schemas.ids import digest


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its file name without suffix, and its rows as (key, identity) in order."""

    name: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read (`served`: part name -> keys to take from it), what to compute, and which parts are new."""

    served: Mapping[str, frozenset[str]]
    pending: tuple[Part, ...]
    new: tuple[Part, ...]

    @property
    def reused(self) -> int:
        """Rows that need no work."""
        return sum(len(keys) for keys in self.served.values())


def make_part(rows: Sequence[tuple[str, str]], salt: str = "") -> Part:
    """A part of these rows; its name depends on the rows, their order and the salt alone."""
    return Part(f"part-{digest(salt, [list(row) for row in rows])}", tuple(rows))


def make_plan(
    wanted: Sequence[tuple[str, str]],
    known: Sequence[Part],
    committed: Collection[str],
    rows_per_part: int,
    failed: Mapping[str, Collection[str]] | None = None,
) -> Plan:
    """Plan a stage over `wanted` rows (key, identity), given the parts planned before and those on disk.

    `failed` (part name -> keys) names rows that stand as failed in a committed part and are to be tried again.
    """
    identity_of = dict(wanted)
    assert len(identity_of) == len(wanted), "a key is wanted twice"
    served: dict[str, frozenset[str]] = {}
    pending: list[Part] = []
    taken: set[str] = set()
    for part in reversed(known):  # the latest part that holds a row wins: it is the row's retry
        live = {key for key, identity in part.rows if identity_of.get(key) == identity} - taken
        if part.name in committed:
            live -= set((failed or {}).get(part.name, ()))
            if live:
                served[part.name] = frozenset(live)
                taken |= live
        elif len(live) == len(part.rows):
            pending.append(part)
            taken |= live
    rest = [row for row in wanted if row[0] not in taken]
    salt = f"retry after {sum(len(part.rows) for part in known)} planned rows" if failed else ""
    new = [make_part(rest[start : start + rows_per_part], salt) for start in range(0, len(rest), rows_per_part)]
    # A part may be planned again under its old name: it was planned, dropped from the input, and is wanted again.
    fresh = [part for part in new if part.name not in {one.name for one in known}]
    return Plan(served, (*reversed(pending), *new), tuple(fresh))

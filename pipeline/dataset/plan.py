"""Plans which rows go into which part file, so that a resumed run gives the same bytes as an undisturbed one.

A part is computed as a whole and stored in one file named by a hash of its rows. Rows stay in the part they were first
planned into; only rows that no part holds are grouped into new parts. So a resumed run recomputes exactly the missing
parts, a batch-sensitive model sees the same batches again, and new rows never change existing parts.

    plan = make_plan(rows, known=dataset.read_plan(folder, fingerprint), committed=committed, rows_per_part=64)
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
    """What to read (`served`: part name -> keys), which parts to compute (`pending`), and which of them are new."""

    served: Mapping[str, frozenset[str]]
    pending: tuple[Part, ...]
    new: tuple[Part, ...]

    @property
    def reused(self) -> int:
        """The number of rows that need no work."""
        return sum(len(keys) for keys in self.served.values())


def make_part(rows: Sequence[tuple[str, str]], salt: str = "") -> Part:
    """A part of these rows; its name depends on the rows, their order and the salt alone."""
    return Part(f"part-{digest(salt, [list(row) for row in rows])}", tuple(rows))


def make_plan(
    requested: Sequence[tuple[str, str]],
    known: Sequence[Part],
    committed: Collection[str],
    rows_per_part: int,
    failed: Mapping[str, Collection[str]] | None = None,
) -> Plan:
    """Plan a stage over the `requested` rows (key, identity), given the parts planned before and those on disk.

    `failed` (part name -> keys) names rows that failed in a committed part and are to be retried.
    """
    identity_of = dict(requested)
    assert len(identity_of) == len(requested), "a key is requested twice"
    served: dict[str, frozenset[str]] = {}
    pending: list[Part] = []
    assigned: set[str] = set()
    for part in reversed(known):  # the latest part with a row wins: it is the row's retry
        live = {key for key, identity in part.rows if identity_of.get(key) == identity} - assigned
        if part.name in committed:
            live -= set((failed or {}).get(part.name, ()))
            if live:
                served[part.name] = frozenset(live)
                assigned |= live
        elif len(live) == len(part.rows):
            pending.append(part)
            assigned |= live
    rest = [row for row in requested if row[0] not in assigned]
    salt = f"retry after {sum(len(part.rows) for part in known)} planned rows" if failed else ""
    new = [make_part(rest[start : start + rows_per_part], salt) for start in range(0, len(rest), rows_per_part)]
    # A part may be there without a plan: the run that made it was killed before it wrote the plan down.
    served |= {part.name: frozenset(key for key, _ in part.rows) for part in new if part.name in committed}
    # A part may be planned again under its old name: it was planned, dropped from the input, and requested again.
    fresh = [part for part in new if part.name not in {known_part.name for known_part in known}]
    unmade = [part for part in new if part.name not in committed]
    return Plan(served, (*reversed(pending), *unmade), tuple(fresh))

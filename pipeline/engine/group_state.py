"""What travels with a group through a stream: one row of a Ray dataset, small enough for any number of them.

Rows of tables stay in part files; a state names them by part and key. Only what is given to a stream travels itself.

    table = encode([state])
    state, = decode(table)
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.dataset.plan import Part
from pipeline.engine.ipc import read_rows, write_rows
from pipeline.storage.addresses import address_of, grant

ADDRESS = "address"
SCHEMA = pa.schema(
    [
        ("state", pa.string()),
        ("given", pa.list_(pa.struct([("name", pa.string()), ("rows", pa.large_binary())]))),
    ]
)


@dataclass(slots=True, kw_only=True)
class StageState:
    """What is known of one stage's rows of a group before it runs.

    `known` are the parts planned earlier that hold some, oldest first, `committed` those of them (or of any) whose file
    exists, `failed` the keys to retry by part, and `prior` their attempts so far.
    """

    known: list[Part] = field(default_factory=list)
    committed: list[str] = field(default_factory=list)
    failed: dict[str, list[str]] = field(default_factory=dict)
    prior: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class GroupState:
    """A group on its way: what each stage has of it (`served`: stage -> part -> keys), and what was done for it."""

    group: str
    given: dict[str, pa.Table]
    served: dict[str, dict[str, list[str]]]
    before: dict[str, StageState]
    planned: dict[str, list[Part]] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    fatal: tuple[str, str] | None = None
    """The name of an error's class and its text: it ends the run."""


def encode(states: Iterable[GroupState]) -> pa.Table:
    """The states as a table of one row each."""
    rows = []
    for state in states:
        plain = {name: value for name, value in asdict(state).items() if name != "given"}
        tables = [{"name": name, "rows": write_rows(_with_addresses(table))} for name, table in state.given.items()]
        rows.append({"state": json.dumps(plain), "given": tables})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def decode(table: pa.Table) -> list[GroupState]:
    """The states in a table; also grants access to the sources that they name."""
    return [_state(row) for row in table.to_pylist()]


def _state(row: Mapping[str, Any]) -> GroupState:
    plain = json.loads(row["state"])
    before = {
        stage: StageState(**{**known, "known": [_part(part) for part in known["known"]]})
        for stage, known in plain.pop("before").items()
    }
    planned = {stage: [_part(part) for part in parts] for stage, parts in plain.pop("planned").items()}
    given = {table["name"]: _without_addresses(read_rows(table["rows"])) for table in row["given"]}
    fatal = tuple(plain.pop("fatal") or ()) or None
    return GroupState(**{**plain, "before": before, "planned": planned, "given": given, "fatal": fatal})


def _part(plain: Mapping[str, Any]) -> Part:
    return Part(plain["name"], tuple((key, identity) for key, identity in plain["rows"]))


def _with_addresses(table: pa.Table) -> pa.Table:
    """Passwords and signatures of addresses travel beside the rows, and only for the duration of the stream."""
    if "uri" not in table.column_names:
        return table
    uris = table["uri"].to_pylist()
    addresses = [address if (address := address_of(uri)) != uri else None for uri in uris]
    return table.append_column(ADDRESS, pa.array(addresses, pa.string())) if any(addresses) else table


def _without_addresses(table: pa.Table) -> pa.Table:
    if ADDRESS not in table.column_names:
        return table
    for uri, address in zip(table["uri"].to_pylist(), table[ADDRESS].to_pylist(), strict=True):
        if address:
            grant(uri, address)
    return table.drop_columns([ADDRESS])

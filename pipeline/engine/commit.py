"""Commits a part: checks a stage's results against the tables' contracts, then writes them, the primary table last.

Tables are checked as a whole, which is fast. Only if that fails are they checked row by row: a row that violates a
contract becomes a failed row, whose error names the file, the column and the value, and its neighbours are committed.
Errors that no input file can cause - columns other than the contract's, a column that is wrong in every row - end the
run.

    outcomes = commit(dataset, spec, part, rows, prior, outcomes)
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.stage import Outcome, Output, Result, Row, StageSpec
from pipeline.storage.addresses import redact
from schemas.contract import Fault
from schemas.errors import ContractError


def commit(
    dataset: Dataset,
    spec: StageSpec,
    part: str,
    rows: Sequence[Row],
    prior: Sequence[int],
    outcomes: Sequence[Outcome],
) -> list[Outcome]:
    """Write a part's files; returns the outcomes as committed. Raises `ContractError` for a bug in the stage.

    `prior` holds the attempts of earlier runs, one per row.
    """
    collected = list(outcomes)
    try:
        tables = _tables(spec, rows, prior, collected)
    except ContractError:
        collected = _with_contract_failures(spec, rows, collected)
        tables = _tables(spec, rows, prior, collected)
    for output, table in reversed(list(zip(spec.outputs, tables, strict=True))):
        dataset.write_part(output, spec.fingerprint, part, table)
    return collected


def _tables(spec: StageSpec, rows: Sequence[Row], prior: Sequence[int], outcomes: Sequence[Outcome]) -> list[pa.Table]:
    primary, *secondary = spec.outputs
    table: list[Row] = []
    for row, before, outcome in zip(rows, prior, outcomes, strict=True):
        result, attempts = outcome.result, before + outcome.attempts
        assert result.key == row[spec.key], "outcomes stand in the rows' order"
        if result.error is None:
            table.append(_values(spec, result) | {"attempts": attempts})
        else:
            known = {**row, **(result.values or {})}
            table.append(primary.contract.failed_row(result.key, redact(result.error), attempts, known))
    others = [
        output.contract.table(other for outcome in outcomes for other in outcome.result.others.get(output.folder, []))
        for output in secondary
    ]
    return [primary.contract.table(table), *others]


def _values(spec: StageSpec, result: Result) -> Row:
    assert result.values is not None, f"stage {spec.name} gave neither values nor an error"
    return {**result.values, "status": "ok", "error": None, "attempts": 1}


def _with_contract_failures(spec: StageSpec, rows: Sequence[Row], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, with those that violate a contract turned into failures."""
    faults = [next(_faults(spec, outcome.result), None) for outcome in outcomes]
    mistyped = Counter((output.folder, fault.column) for output, fault in filter(None, faults) if fault.kind == "type")
    for (folder, column), count in mistyped.items():
        if count == len(outcomes) > 1:
            raise ContractError(f"stage {spec.name}: no row of {len(outcomes)} has the right type in {folder}.{column}")
    return [
        outcome if fault is None else _failed(row, outcome, *fault)
        for row, outcome, fault in zip(rows, outcomes, faults, strict=True)
    ]


def _faults(spec: StageSpec, result: Result) -> Iterator[tuple[Output, Fault]]:
    primary, *secondary = spec.outputs
    if result.error is None and (fault := primary.contract.fault(_values(spec, result))):
        yield primary, fault
    for output in secondary:
        keys: set[object] = set()
        for row in result.others.get(output.folder, []):
            key = output.contract.key
            if fault := output.contract.fault(row):
                yield output, fault
            elif row[key] in keys:
                yield output, Fault(column=key, kind="value", text=f"= {row[key]!r} occurs twice")
            keys.add(row[key])


def _failed(row: Row, outcome: Outcome, output: Output, fault: Fault) -> Outcome:
    source = row.get("key") or row.get("source") or row.get("uri")
    of = f" of {source}" if source else ""
    result = Result(
        key=outcome.result.key,
        values=outcome.result.values,
        error=f"{output.contract.name}.{fault.column}{of} {fault.text}",
        counters=outcome.result.counters,
        expected=fault.kind == "value",
    )
    return Outcome(result, outcome.attempts, result.expected)

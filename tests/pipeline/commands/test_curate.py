"""How `just curate` ends: 0 with samples, 1 without, and a last line that says why.

python -m pytest tests/pipeline/commands/test_curate.py
"""

from pathlib import Path

import pytest

from pipeline.commands.arguments.curate import parse
from pipeline.commands.curate import report_shipped
from pipeline.dataset.folder import Dataset
from pipeline.stage import Row
from schemas.dataset_files import LEDGER_FILE
from schemas.outcome_tables import LEDGER


def _write(folder: Path, *rows: tuple[str, str, str | None]) -> Dataset:
    dataset = Dataset(str(folder))
    listed: list[Row] = [
        {**dict.fromkeys(LEDGER.names), "kind": kind, "id": str(index), "source": f"{index}.mp4"}
        | {"state": state, "stage": "s", "reason": reason, "attempts": 1, "seconds": 0.0}
        for index, (kind, state, reason) in enumerate(rows)
    ]
    dataset.write_table(LEDGER_FILE, LEDGER, LEDGER.table(listed))
    return dataset


def test_a_run_that_ships_nothing_ends_with_1_and_its_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = [("video", "failed", "0 bytes")] * 3
    others = [("video", state, "why") for state in ("filtered", "empty", "unbucketed")]
    assert report_shipped(_write(tmp_path, *failed, *others, ("sample", "failed", "no frames"))) == 1
    error_text = capsys.readouterr().err
    assert error_text.startswith(
        f"error: {tmp_path}: no sample ships; of 6 sources 3 failed: 0 bytes; 1 filtered: why; "
    )
    assert error_text.endswith("; and 1 more reasons\n")
    assert report_shipped(_write(tmp_path, *failed, ("sample", "shipped", None))) == 0


def test_confirmations_are_asked_for_by_name() -> None:
    assert parse(["demo"]).confirmed == []
    assert parse(["demo", "--confirm-vanished", "--bucket-moved"]).confirmed == ["vanished", "bucket-moved"]

"""All of a dataset that must be equal after any disturbance: tables without attempts and part files, shards' bytes.

assert contents(killed) == contents(undisturbed)
"""

from pathlib import Path
from typing import Any

from pipeline.dataset.folder import Dataset
from pipeline.readers.history import History
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS
from schemas.dataset_files import INDEX, LEDGER_FILE
from schemas.outcome_tables import LEDGER, SAMPLES


def contents(dataset: Path | str) -> dict[str, Any]:
    """By name: the ledger, the captions, the index, and each shard's bytes by its path."""
    opened = Dataset(str(dataset))
    history = History(opened)

    def plain(table: Any) -> list[dict[str, Any]]:
        rows = [{name: value for name, value in row.items() if name != "attempts"} for row in table.to_pylist()]
        return sorted(rows, key=str)

    return {
        "ledger": plain(opened.read_table(LEDGER_FILE, LEDGER)),
        "frame captions": plain(history.parts("frame_captions", "caption", FRAME_CAPTIONS)),
        "captions": plain(history.parts("captions", "summarise", CAPTIONS)),
        "index": plain(opened.read_table(INDEX, SAMPLES)),
        "shards": {
            file.key: opened.store.read(file.key) for file in opened.store.list("shards") if file.key.endswith(".tar")
        },
    }

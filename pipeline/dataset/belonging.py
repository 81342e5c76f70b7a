"""A dataset belongs to one bucket: before any work, another bucket is refused and vanished sources are named.

Shards hold the samples of the last run's bucket, so a run over another bucket (or over one that was emptied by mistake)
would remove every existing sample. A different bucket is refused unless it was moved; vanished sources are refused
above a share of all sources unless confirmed. A vanished source stays in the ledger in the state `vanished`.

    just curate s3://new/raw --out datasets/raw --bucket-moved
    just curate ~/videos --confirm-vanished
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.stage import Row
from pipeline.storage.addresses import clean
from schemas.config import IngestConfig
from schemas.dataset_files import LEDGER_FILE
from schemas.errors import InputError

Confirmation = Literal["bucket-moved", "vanished"]
Keys: TypeAlias = Collection[str] | pa.ChunkedArray
"""The keys of all listed objects; as an Arrow column where they are many."""
_SHOWN = 5
_LEDGER_COLUMNS = ("kind", "id", "source", "state", "reason")


def canonical_bucket(bucket: str) -> str:
    """The canonical name of a bucket: equal for all spellings of one location, and without secrets.

    For a local folder or list: its absolute path with links resolved. For anything else: the clean URI
    (`pipeline.storage.addresses`) without its last slash.
    """
    if "://" not in bucket or bucket.startswith("file://"):
        return str(Path(bucket.removeprefix("file://")).resolve())
    scheme, _, rest = clean(bucket).partition("://")
    return f"{scheme.lower()}://{rest.rstrip('/')}"


def check_bucket(dataset: Dataset, bucket: str, confirmed: Collection[Confirmation] = ()) -> None:
    """Raise `InputError` if the dataset's last run was over another bucket and the move was not confirmed.

    Also if the dataset lies in the bucket, whose next listing would find the dataset's own shards. Records of earlier
    versions hold the bucket as typed; a relative path is resolved from the current folder.
    """
    inner, outer = canonical_bucket(dataset.store.uri), canonical_bucket(bucket)
    if f"{inner}/".startswith(f"{outer}/"):
        raise InputError(
            f"the dataset {dataset.store.uri} would be inside its own bucket {outer}, whose next listing would find "
            "its shards; choose an --out outside of it"
        )
    if "bucket-moved" in confirmed or not dataset.store.exists("run.json"):
        return
    record = dataset.read_record()
    before, current = canonical_bucket(record["bucket"]), canonical_bucket(bucket)
    if before != current:
        raise InputError(
            f"{dataset.store.uri} was made from the bucket {before}, not from {current}: its "
            f"{record['inputs']['samples']} samples would be replaced. Choose another --out; if it is the same bucket "
            "at a new location, add --bucket-moved"
        )


def find_vanished(dataset: Dataset, listed: Keys) -> list[Row]:
    """Ledger rows (id, source, state, reason) of sources of earlier runs whose key is not in `listed`."""
    from pipeline.dataset.query import querying

    with querying(dataset.store) as connection:
        ledger = dataset.columns_of(connection, LEDGER_FILE, _LEDGER_COLUMNS)
        if ledger is None:
            return []
        known = connection.from_arrow(pa.table({"source": _array(listed)}))
        gone = ledger.filter("kind = 'video'").join(known, "source", how="anti").set_alias("gone")
        shipped = ledger.filter("kind = 'sample' AND state = 'shipped'").aggregate("source, count(*) AS samples")
        joined = gone.join(shipped.set_alias("shipped"), "gone.source = shipped.source", how="left")
        ordered = joined.project("id, gone.source AS source, state, reason, coalesce(samples, 0) AS samples").order(
            "source, id"
        )
        rows = ordered.fetchall()
    return [
        {"id": key, "source": source, "state": state, "reason": why if state == "vanished" else _reason(state, samples)}
        for key, source, state, why, samples in rows
    ]


def _array(keys: Keys) -> pa.Array | pa.ChunkedArray:
    return keys if isinstance(keys, pa.ChunkedArray) else pa.array(list(keys), pa.string())


def _reason(state: str, samples: int) -> str:
    was = f"its {samples} sample{'s' * (samples != 1)} left the shards" if samples else f"it was {state} before"
    return f"listed by an earlier run and not by this one; {was}"


def check_vanished(
    dataset: Dataset, listed: Keys, config: IngestConfig, confirmed: Collection[Confirmation] = ()
) -> list[Row]:
    """The rows of `find_vanished`. Raises `InputError` if too many vanished since the last run, unless confirmed."""
    vanished = find_vanished(dataset, listed)
    newly = [row["source"] for row in vanished if row["state"] != "vanished"]
    share = len(newly) / (len(newly) + len(listed))
    if share > config.max_vanished_share and "vanished" not in confirmed:
        raise InputError(
            f"{vanished_in_words(vanished)}: a share of {share:.2g}, more than ingest.max_vanished_share = "
            f"{config.max_vanished_share:g}{_narrowed(config)}. Restore them, choose another --out, or add "
            "--confirm-vanished to go on without them and their samples"
        )
    return vanished


def vanished_in_words(vanished: Sequence[Row]) -> str:
    """The number of sources that vanished since the last run, with a few names; empty if none did."""
    newly = [row["source"] for row in vanished if row["state"] != "vanished"]
    if not newly:
        return ""
    more = f" and {len(newly) - _SHOWN} more" if len(newly) > _SHOWN else ""
    sources = "source" if len(newly) == 1 else "sources"
    return f"{len(newly)} {sources} of the last run are not listed any more: {', '.join(newly[:_SHOWN])}{more}"


def _narrowed(config: IngestConfig) -> str:
    """The settings that may have excluded sources from the listing."""
    settings = {"ingest.limit": config.limit, "ingest.exclude": config.exclude}
    set_now = [f"{name} = {value}" for name, value in settings.items() if value]
    return f" ({' and '.join(set_now)} leave some out)" if set_now else ""

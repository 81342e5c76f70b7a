"""A dataset belongs to one bucket: another one is refused, and sources that vanished are named, before any work.

Shards hold what the last run's bucket held, so a run over another bucket (or over one that was emptied by mistake)
would take away every sample that is there. The first is refused unless the bucket was moved, the second above a share
of the sources unless it is confirmed. A source that vanished stays in the ledger in the state `vanished`.

    just curate s3://new/footage --out datasets/footage --bucket-moved
    just curate ~/footage --confirm-vanished
"""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from pipeline.dataset.folder import Dataset
from pipeline.dataset.verify import LEDGER_FILE
from pipeline.stage import Row
from pipeline.storage.addresses import clean
from schemas.config import IngestConfig
from schemas.errors import InputError

Confirmation = Literal["bucket-moved", "vanished"]
_SHOWN = 5
_LEDGER_COLUMNS = ("kind", "id", "source", "state", "reason")


def canonical_bucket(bucket: str) -> str:
    """What a bucket is known by: two names of one place are equal, and no secret is in it.

    A folder or list of this machine: its absolute path with links resolved. Anything else: the clean URI
    (`pipeline.storage.addresses`) without its last slash.
    """
    if "://" not in bucket or bucket.startswith("file://"):
        return str(Path(bucket.removeprefix("file://")).resolve())
    scheme, _, rest = clean(bucket).partition("://")
    return f"{scheme.lower()}://{rest.rstrip('/')}"


def check_bucket(dataset: Dataset, bucket: str, confirmed: Collection[Confirmation] = ()) -> None:
    """Raise `InputError` if the dataset's last run was over another bucket and it was not confirmed that it moved.

    Also if the dataset lies in the bucket, whose next listing would find the dataset's own shards. Records of earlier
    versions hold the bucket as it was typed; a relative path is read from the current folder.
    """
    inner, outer = canonical_bucket(dataset.store.uri), canonical_bucket(bucket)
    if f"{inner}/".startswith(f"{outer}/"):
        raise InputError(
            f"the dataset {dataset.store.uri} would lie in its own bucket {outer}, whose next listing would find its "
            "shards; choose an --out outside of it"
        )
    if "bucket-moved" in confirmed or not dataset.store.exists("run.json"):
        return
    record = dataset.read_record()
    before, given = canonical_bucket(record["bucket"]), canonical_bucket(bucket)
    if before != given:
        raise InputError(
            f"{dataset.store.uri} was made from the bucket {before}, not from {given}: its "
            f"{record['inputs']['samples']} samples would be replaced. Choose another --out; if it is the same bucket "
            "at a new place, add --bucket-moved"
        )


def find_vanished(dataset: Dataset, listed: Collection[str]) -> list[Row]:
    """Ledger rows (id, source, state, reason) of the sources of earlier runs whose key is not `listed` now."""
    ledger = dataset.read_columns(LEDGER_FILE, _LEDGER_COLUMNS)
    rows = ledger.to_pylist() if ledger is not None else []
    shipped = Counter(row["source"] for row in rows if (row["kind"], row["state"]) == ("sample", "shipped"))
    known = set(listed)
    gone = [row for row in rows if row["kind"] == "video" and row["source"] not in known]
    return [
        row if row["state"] == "vanished" else {**row, "reason": _reason(row["state"], shipped[row["source"]])}
        for row in gone
    ]


def _reason(state: str, samples: int) -> str:
    was = f"its {samples} sample{'s' * (samples != 1)} left the shards" if samples else f"it was {state} before"
    return f"listed by an earlier run and not by this one; {was}"


def check_vanished(
    dataset: Dataset, listed: Collection[str], config: IngestConfig, confirmed: Collection[Confirmation] = ()
) -> list[Row]:
    """The rows of `find_vanished`. Raises `InputError` if too many of them vanished since the last run, unconfirmed."""
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
    """How many sources vanished since the last run, and the names of a few; empty if none did."""
    newly = [row["source"] for row in vanished if row["state"] != "vanished"]
    if not newly:
        return ""
    more = f" and {len(newly) - _SHOWN} more" if len(newly) > _SHOWN else ""
    sources = "source" if len(newly) == 1 else "sources"
    return f"{len(newly)} {sources} of the last run are not listed any more: {', '.join(newly[:_SHOWN])}{more}"


def _narrowed(config: IngestConfig) -> str:
    """What of the configuration may have left sources out of the listing."""
    settings = {"ingest.limit": config.limit, "ingest.exclude": config.exclude}
    set_now = [f"{name} = {value}" for name, value in settings.items() if value]
    return f" ({' and '.join(set_now)} leave some out)" if set_now else ""

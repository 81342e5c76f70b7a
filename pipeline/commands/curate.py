"""`just curate <bucket>`: raw videos to a verified dataset of captioned shards.

just curate demo
"""

import argparse
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.commands.arguments.curate import parse
from pipeline.commands.summary import print_summary
from pipeline.commands.verify import report_verification
from pipeline.curate import Curation
from pipeline.dataset.belonging import Confirmation, vanished_in_words
from pipeline.dataset.folder import Dataset
from pipeline.dataset.ledger import count_states
from pipeline.dataset.verify import check_tables
from pipeline.engine.cluster import Cluster
from pipeline.engine.lock import dataset_lock
from pipeline.stages.ingest.stage import LIST_SUFFIXES
from pipeline.storage.addresses import clean
from schemas.command import run_command
from schemas.config import RunConfig
from schemas.dataset_files import LEDGER_FILE
from schemas.outcome_tables import LEDGER

_REASONS_SHOWN = 3


def prepare_demo() -> str:
    """Make the demo bucket if it does not exist; returns its folder."""
    from pipeline.demo.build import build_demo_bucket

    folder = Path("datasets/demo-bucket")
    if not folder.exists():
        print("making the demo bucket ...", file=sys.stderr)
    build_demo_bucket(folder)
    return str(folder)


def curate(
    bucket: str, out: str, config: RunConfig, retry: bool = False, confirmed: Collection[Confirmation] = ()
) -> int:
    """Run a curation, print its summary, verify it; returns the exit code."""
    with curated(bucket, out, config, retry, confirmed) as (curation, dataset, record):
        print_summary(dataset, record, curation.example_captions())
        complaints = [] if curation.unchanged else [*check_tables(dataset), *curation.complaints]
        return report_verification(dataset, complaints) or report_shipped(dataset)


@contextmanager
def curated(
    bucket: str, out: str, config: RunConfig, retry: bool = False, confirmed: Collection[Confirmation] = ()
) -> Iterator[tuple[Curation, Dataset, dict[str, Any]]]:
    """Run a curation; gives it, the dataset and the run's record while nobody else may write into the dataset."""
    dataset = Dataset(out)
    print(f"curating {clean(bucket)} into {dataset.store.uri} (profile {config.profile})", file=sys.stderr)
    if config.profile == "embedded":
        print(
            "captions and scores come from the small packaged models of the embedded profile; see docs/profiles.md",
            file=sys.stderr,
        )
    elif not config.summarise.tokenizer:
        print(
            "captions are held to a budget of tokens that are counted by estimate; for T5's own count set "
            "summarise.tokenizer to the folder of its tokenizer (docs/gpu.md)",
            file=sys.stderr,
        )
    print("looking for what is new in the bucket, and for what the dataset has of it already", file=sys.stderr)
    cluster = Cluster(config.engine.ray_address)
    curation = Curation(bucket, dataset, config, cluster, retry, confirmed)
    if vanished := vanished_in_words(curation.vanished):
        print(f"{vanished}; see just ledger {out} --state vanished", file=sys.stderr)
    with dataset_lock(dataset):
        with cluster:
            record = curation.run()
        yield curation, dataset, record


def report_shipped(dataset: Dataset) -> int:
    """0 if a sample shipped; else 1, with the reasons on stderr, so that scripts stop here."""
    from pipeline.dataset.query import querying

    with querying(dataset.store) as connection:
        ledger = dataset.relation(connection, LEDGER_FILE, LEDGER)
        if count_states(ledger).get(("sample", "shipped")):
            return 0
        videos = ledger.filter("kind = 'video'")
        groups = videos.aggregate("state, reason, count(*) AS count, min(source) AS first").order("count DESC, first")
        shown = groups.limit(_REASONS_SHOWN).fetchall()
        sources, reasons = (relation.aggregate("count(*)").fetchall()[0][0] for relation in (videos, groups))
    summary = "; ".join(f"{count} {state}: {reason}" for state, reason, count, _ in shown)
    more = f"; and {reasons - _REASONS_SHOWN} more reasons" if reasons > _REASONS_SHOWN else ""
    print(f"error: {dataset.store.uri}: no sample ships; of {sources} sources {summary}{more}", file=sys.stderr)
    return 1


def main() -> int:
    """Entry point."""
    return run(parse())


def run(parsed: argparse.Namespace) -> int:
    """Curate, print, verify; returns the exit code."""
    bucket = prepare_demo() if parsed.bucket == "demo" else parsed.bucket
    return curate(bucket, parsed.out or default_out(parsed.bucket), parsed.settings, confirmed=parsed.confirmed)


def default_out(bucket: str) -> str:
    """The default dataset folder of a bucket: `datasets/` and the name of the folder, prefix or list."""
    path = Path(clean(bucket)) if "://" in bucket else Path(bucket).absolute()
    return f"datasets/{path.stem if path.suffix in LIST_SUFFIXES else path.name}"


if __name__ == "__main__":
    run_command(main)

"""`just compact <dataset>`: all samples in full, shuffled shards again, by copying, with the last run's settings.

just compact datasets/demo
"""

import argparse

from pipeline.commands.arguments.compact import parse
from pipeline.commands.verify import report_verification
from pipeline.dataset.card import write_card
from pipeline.dataset.energon import write_energon
from pipeline.dataset.folder import Dataset
from pipeline.dataset.ledger import count_states
from pipeline.dataset.verify import check_tables
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.engine.lock import dataset_lock
from pipeline.readers.history import History
from pipeline.stages.pack.compact import compact
from pipeline.stages.pack.verify import verify_new
from pipeline.stages.specs_of_run import make_specs
from schemas.command import run_command
from schemas.config import RunConfig
from schemas.dataset_files import INDEX, LEDGER_FILE
from schemas.outcome_tables import LEDGER, SAMPLES


def main() -> int:
    """Entry point."""
    return run(parse())


def run(parsed: argparse.Namespace) -> int:
    """Compact the dataset and verify it; returns the exit code."""
    dataset = Dataset(parsed.dataset)
    config = History(dataset).config
    with dataset_lock(dataset):
        with Cluster(config.engine.ray_address) as cluster:
            engine = Engine(dataset, config.engine, cluster, limits=config.limits)
            # What was decoded once need not be decoded again in the shards that it is copied into.
            complaints = verify_new(engine)
            if complaints:
                return report_verification(dataset, complaints)
            compact(engine, config)
            complaints = verify_new(engine, decode=False)
        samples = dataset.read_table(INDEX, SAMPLES)
        _introduce(dataset, config)
        record = engine.records["compact"]
        shards = len(samples["shard"].drop_null().unique())
        written = record.counters.get("samples_packed", 0)
        print(f"compacted: {shards} shards; {written} samples copied into {record.computed} of them, none encoded")
        return report_verification(dataset, [*check_tables(dataset), *complaints])


def _introduce(dataset: Dataset, config: RunConfig) -> None:
    """Write what other readers of the dataset want to know beforehand."""
    from pipeline.dataset.query import querying

    with querying(dataset.store) as connection:
        samples = dataset.relation(connection, INDEX, SAMPLES)
        states = count_states(dataset.relation(connection, LEDGER_FILE, LEDGER))
        counts = {key: rows for key, (rows, _) in states.items()}
        write_card(dataset, config, _tables(dataset, config), samples, counts)
        write_energon(dataset, samples)


def _tables(dataset: Dataset, config: RunConfig) -> dict[str, str]:
    """The tables that the dataset's card names, with their fingerprints."""
    specs = make_specs(config, dataset.store.address)
    passing = {output.folder for spec in (specs.encode, specs.pack) for output in spec.outputs}
    return {
        output.folder: spec.fingerprint
        for spec in specs
        for output in spec.outputs
        if output.folder not in passing and dataset.committed(output, spec.fingerprint)
    }


if __name__ == "__main__":
    run_command(main)

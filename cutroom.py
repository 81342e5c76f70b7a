"""cutroom from Python: curate a bucket, read a dataset, feed a torch loader. The commands call the same functions.

    import cutroom

    dataset = cutroom.curate("videos", out="datasets/videos")
    clips = dataset.to_pandas("clips")
    samples = cutroom.training_samples("datasets/videos", "384x256x33@8")

docs/api.md has an example that runs. Importing this module costs nothing; each function imports what it needs. Run as a
program it is the front door: `python -m cutroom curate demo` does what `just curate demo` and `cutroom curate demo` do.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.version import VERSION

if TYPE_CHECKING:
    from pipeline.readers.opened import OpenedDataset, Sample, Shard
    from training.data.bucket_samples import TrainingSamples

__all__ = ["OpenedDataset", "Sample", "Shard", "TrainingSamples", "curate", "open_dataset", "training_samples"]
__version__ = VERSION


def curate(
    bucket: str | Path,
    out: str | Path | None = None,
    profile: str | None = None,
    changes: Mapping[str, object] | None = None,
) -> "OpenedDataset":
    """Curate a bucket of raw video into a dataset, verify it, and open it; what is there already is not done again.

    `bucket` and `out` are what `cutroom curate` takes (`demo` too), `profile` is `embedded` (default), `gpu` or
    `cluster`, and `changes` sets single settings, such as `{"pack.crf": 20, "select.rules": ["motion >= 1"]}`.
    Raises `ConfigError` for a setting, `InputError` for the bucket, `VerifyError` for a dataset that is not whole.
    """
    import json

    from pipeline.commands.curate import curated, default_out, prepare_demo
    from pipeline.dataset.verify import check_tables
    from pipeline.readers.opened import OpenedDataset
    from schemas.errors import VerifyError
    from schemas.load import load_config

    config = load_config(None, [f"{name}={json.dumps(value)}" for name, value in (changes or {}).items()], profile)
    source = prepare_demo() if str(bucket) == "demo" else str(bucket)
    folder = str(out) if out is not None else default_out(str(bucket))
    with curated(source, folder, config) as (curation, dataset, _):
        complaints = [] if curation.unchanged else [*check_tables(dataset), *curation.complaints]
    if complaints:
        raise VerifyError(f"{folder}: {len(complaints)} problems, the first is: {complaints[0]}; curate again")
    return OpenedDataset(folder)


def open_dataset(path: str | Path) -> "OpenedDataset":
    """A dataset that a run has finished, in a folder or an object store. Raises `DatasetError` if it is none."""
    from pipeline.readers.opened import OpenedDataset

    return OpenedDataset(str(path))


def training_samples(
    path: str | Path,
    bucket: str,
    *,
    split: str = "train",
    captions: Mapping[str, float] | None = None,
    rules: Sequence[str] = (),
    seed: int = 0,
    rank: int = 0,
    world: int = 1,
) -> "TrainingSamples":
    """The samples of one bucket (`384x256x33@8`) as a torch `IterableDataset`, shuffled as the trainer's plan does.

    `captions` says how often each length is drawn (default: `{"dense": 1}`), `rules` leave samples out
    (`aesthetic >= 4.8`), and process `rank` of `world` gets its share. Raises `BucketError`, `RuleError`,
    `DatasetError`, and `ConfigError` where nothing is left.
    """
    from training.data.bucket_samples import TrainingSamples

    return TrainingSamples(str(path), bucket, split, captions or {"dense": 1.0}, rules, seed, rank, world)


def __getattr__(name: str) -> Any:
    """The classes that the functions return, imported when they are asked for."""
    import importlib

    rooms = {"TrainingSamples": "training.data.bucket_samples"} | dict.fromkeys(
        ("OpenedDataset", "Sample", "Shard"), "pipeline.readers.opened"
    )
    if name not in rooms:
        raise AttributeError(f"module 'cutroom' has no attribute {name!r}")
    return getattr(importlib.import_module(rooms[name]), name)


def main() -> None:
    """Entry point of the command `cutroom`."""
    from schemas.front_door import main

    main()


if __name__ == "__main__":
    main()

"""Opens a dataset as its neighbours do: webdataset, Hugging Face datasets, Energon, DuckDB, Polars, pandas.

Each function reads all that the reader can read of the folder and says what it saw; none of our readers takes part.

    assert read_with_pandas(folder) == {"clips": 69, ...}
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pyarrow.parquet as pq
import yaml


def table_folders(folder: Path) -> dict[str, Path]:
    """The folders of tables of row stages: each is given to the readers as it is."""
    files = sorted([*folder.rglob("part-*.parquet"), *folder.rglob("slice-*.parquet")])
    return {file.parent.relative_to(folder).as_posix(): file.parent for file in files}


def rows_of_parts(folder: Path) -> dict[str, int]:
    """How many rows the files of each table hold, file by file."""
    return {
        name: sum(pq.read_metadata(file).num_rows for file in path.glob("*.parquet"))
        for name, path in table_folders(folder).items()
    }


def read_with_pyarrow(folder: Path) -> dict[str, int]:
    """Rows of each table by folder."""
    return {name: pyarrow.dataset.dataset(path).count_rows() for name, path in table_folders(folder).items()}


def read_with_pandas(folder: Path) -> dict[str, int]:
    """Rows of each table by folder."""
    import pandas

    return {name: len(pandas.read_parquet(path)) for name, path in table_folders(folder).items()}


def read_with_polars(folder: Path) -> dict[str, int]:
    """Rows of each table by folder."""
    import polars

    return {name: len(polars.read_parquet(path)) for name, path in table_folders(folder).items()}


def read_with_duckdb(folder: Path) -> dict[str, int]:
    """Rows of each table by folder, over all that lies in it."""
    import duckdb

    return {name: len(duckdb.read_parquet(f"{path}/**").fetchall()) for name, path in table_folders(folder).items()}


def read_with_webdataset(folder: Path) -> dict[str, set[str]]:
    """The members of every sample of every shard, by key; the description must parse and hold the text."""
    import webdataset

    samples: dict[str, set[str]] = {}
    for path in sorted((folder / "shards").rglob("*.tar")):
        for sample in webdataset.WebDataset(str(path), shardshuffle=False):
            assert json.loads(sample["json"])["caption"] == sample["txt"].decode() != ""
            samples[sample["__key__"]] = {name for name in sample if not name.startswith("__")}
    return samples


def read_with_datasets(folder: Path, cache: Path) -> dict[str, int]:
    """Rows under every name of the card and in every table; streamed, and mapped and written as Parquet."""
    datasets = _hugging_face()
    counts: dict[str, int] = {}
    _, head, _ = (folder / "README.md").read_text().split("---\n", 2)
    for config in yaml.safe_load(head)["configs"]:
        name = config["config_name"]
        for part in config["data_files"]:
            given = {"path": str(folder), "name": name, "split": part["split"]}
            streamed = [sample["__key__"] for sample in _undecoded(datasets.load_dataset(**given, streaming=True))]
            mapped = _undecoded(datasets.load_dataset(**given, cache_dir=str(cache)))
            mapped.to_parquet(str(cache / "mapped.parquet"))
            assert streamed == mapped["__key__"][:] == pq.read_table(cache / "mapped.parquet")["__key__"].to_pylist()
            counts[name] = counts.get(name, 0) + len(streamed)
    for name, path in table_folders(folder).items():
        table = datasets.load_dataset(str(path), split="train", cache_dir=str(cache))
        table.to_parquet(str(cache / "table.parquet"))
        counts[name] = len(table)
    return counts


def read_as_finetrainers(folder: Path) -> list[str]:
    """The captions of the clips to train with, by calls of finetrainers' `VideoWebDataset`: no name, two columns."""
    datasets = _hugging_face()
    data = _undecoded(datasets.load_dataset(str(folder), split="train", streaming=True))
    data = data.rename_column("txt", "caption").rename_column("mp4", "video")
    return [sample["caption"] for sample in data if sample["video"]["bytes"]]


def read_mixed_with_datasets(folder: Path) -> Iterator[dict[str, Any]]:
    """The descriptions of all samples as one stream, clips and images alike: the types are those of the first."""
    datasets = _hugging_face()
    shards = [str(path) for path in sorted((folder / "shards").rglob("*.tar"))]
    stream = datasets.load_dataset("webdataset", data_files={"train": shards}, split="train", streaming=True)
    for sample in _undecoded(stream):
        yield sample["json"]


def _hugging_face() -> Any:
    """The library, held back from counting what it opens at a server of its makers."""
    import datasets

    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    return datasets


def _undecoded(dataset: Any) -> Any:
    """Without decoding clips, for which `datasets` needs FFmpeg's shared libraries on the machine."""
    datasets = _hugging_face()
    return dataset.cast_column("mp4", datasets.Video(decode=False)) if "mp4" in dataset.features else dataset


def read_with_energon(folder: Path, split: str, **options: Any) -> list[str]:
    """The captions of a split, as Energon's loader gives them."""
    from megatron.energon import WorkerConfig, get_loader, get_val_dataset

    worker = WorkerConfig(rank=0, world_size=1, num_workers=0)
    loader = get_loader(get_val_dataset(str(folder), split_part=split, worker_config=worker, batch_size=1, **options))
    return [caption for batch in loader for caption in batch.caption]


def lint_with_energon(folder: Path) -> str:
    """What `energon lint` says of the folder. Raises if it complains."""
    from click.testing import CliRunner
    from megatron.energon.tools.lint import command

    result = CliRunner().invoke(command, [str(folder)])
    assert result.exit_code == 0, result.output
    return result.output

"""The dataset's card, `README.md`: what is in the folder, and what Hugging Face `datasets` reads under which name.

Every run writes it anew from the index, the ledger and the configuration, without a date, so the same dataset has the
same card. `load_dataset(folder, "384x256x33-8fps")` reads a bucket's shards. `datasets` reads all configurations of a
card with one builder, so the tables are named in the text, and clips and pictures have no name in common: of samples
with other members than the first one's it would drop those members without a word.

    write_card(dataset, config, {"captions": "837df43b2deb7c2f"}, samples, states)
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.dataset.folder import Dataset
from schemas.bucket import Bucket
from schemas.config import RunConfig
from schemas.outcome_tables import KINDS, STATES

if TYPE_CHECKING:
    from pipeline.dataset.query import Relation

CARD = "README.md"
# What `datasets` calls our splits.
_SPLITS = {"train": "train", "val": "validation"}
_WHOLE = {
    "shards": "shards/index.parquet",
    "ledger": "ledger.parquet",
    "selection": "selection/selection.parquet",
    "sample_spans": "sample_spans/sample_spans.parquet",
    "duplicates": "duplicates/*.parquet",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
          (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"))  # fmt: skip
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
_TEXT = """
# Captioned video samples

{samples} training samples of {sources} sources, in WebDataset shards. All samples of a shard have exactly the same
shape. Every curation run rewrites this page.

{buckets}

Captions: {captioner}, combined by {summariser}, without human review. A sample's members are its clip (`mp4`:
H.264, BT.709, constant frame rate) or image (`png`), its dense caption (`txt`) and its description (`json`), whose keys
and types are the same in every sample. A missing text is `""`, and a value that was not measured is `-1`.
`video_samples` and `image_samples` contain all buckets of their kind.

    from datasets import load_dataset
    samples = load_dataset("path/to/this/folder", "{example}", split="train", streaming=True)

    import webdataset
    samples = webdataset.WebDataset("path/to/this/folder/shards/{example}/train-000000.tar", shardshuffle=False)

## Tables

{tables}

    captions = load_dataset("parquet", data_files="path/to/this/folder/<files>", split="train")

Part files may hold rows that do not count any more (a source that left, an attempt before the last): the index and the
ledger hold what does.

## Where everything ended

{ledger}
"""


@dataclass(frozen=True, slots=True)
class _Group:
    """The good samples of one bucket and split."""

    bucket: str
    split: str
    samples: int
    shards: int


def write_card(
    dataset: Dataset,
    config: RunConfig,
    tables: Mapping[str, str],
    samples: "Relation",
    states: Mapping[tuple[str, str], int],
) -> None:
    """Write the card of a finished run. `tables` names the tables in part files with their fingerprints.

    `samples` are rows of the samples table, `states` the numbers of the ledger's rows by kind and state.
    """
    live = samples.filter("status = 'ok'")
    found = live.aggregate("bucket, split, count(*), count(DISTINCT shard)").order("bucket, split").fetchall()
    groups = [_Group(*row) for row in found]
    count, sources = sum(group.samples for group in groups), live.aggregate("count(DISTINCT video_id)").fetchall()[0][0]
    buckets = sorted({group.bucket for group in groups}, key=lambda text: Bucket.parse(text).slug)
    head = {
        "tags": ["text-to-video", "webdataset", "cutroom"],
        "task_categories": ["text-to-video"],
        "size_categories": [next((name for most, name in _SIZES if count < most), "n>100M")],
        "configs": _shard_configs(groups, buckets),
    }
    text = _TEXT.format(
        samples=count,
        sources=sources,
        buckets=_bucket_table(groups, buckets),
        captioner=_model(config.caption.captioner, config.caption.model.name),
        summariser=_model(config.summarise.summariser, config.summarise.model.name),
        example=_example(groups),
        tables=_tables(tables),
        ledger=_ledger_table(states),
    )
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000)
    dataset.store.write_changed(CARD, f"---\n{front}---\n{text}".encode())


def _example(groups: Sequence[_Group]) -> str:
    """The bucket with most samples to train on, for the lines that show how to read one."""
    most = max((group for group in groups if group.split == "train"), key=lambda group: group.samples, default=None)
    return "<bucket>" if most is None else Bucket.parse(most.bucket).slug


def _shard_configs(groups: Sequence[_Group], buckets: Sequence[str]) -> list[dict[str, Any]]:
    """All buckets of clips, all of images, and each one; the first of them is what is read without a name."""
    kinds: dict[str, list[str]] = {"video_samples": [], "image_samples": []}
    for text in buckets:
        kinds["image_samples" if Bucket.parse(text).is_image else "video_samples"].append(text)
    named = {name: members for name, members in kinds.items() if members}
    named |= {Bucket.parse(text).slug: [text] for text in buckets}
    configs = [{"config_name": name, "data_files": _shards(groups, members)} for name, members in named.items()]
    return [config | ({} if index else {"default": True}) for index, config in enumerate(configs)]


def _shards(groups: Sequence[_Group], buckets: Sequence[str]) -> list[dict[str, Any]]:
    there = {(group.bucket, group.split) for group in groups}
    paths = {
        split: [f"shards/{Bucket.parse(text).slug}/{split}-*.tar" for text in buckets if (text, split) in there]
        for split in _SPLITS
    }
    return [{"split": _SPLITS[split], "path": pattern} for split, pattern in paths.items() if pattern]


def _tables(tables: Mapping[str, str]) -> str:
    paths = _WHOLE | {name: f"{name}/{fingerprint}/*.parquet" for name, fingerprint in tables.items()}
    lines = ["| table | files |", "|---|---|"]
    return "\n".join([*lines, *(f"| {_plain(name)} | `{paths[name]}` |" for name in sorted(paths))])


def _bucket_table(groups: Sequence[_Group], buckets: Sequence[str]) -> str:
    of = {(group.bucket, group.split): group for group in groups}
    lines = ["| name | shape | train | val | shards |", "|---|---|---|---|---|"]
    for text in buckets:
        here = [of.get((text, split), _Group(text, split, 0, 0)) for split in _SPLITS]
        numbers = [*(group.samples for group in here), sum(group.shards for group in here)]
        lines.append(f"| {Bucket.parse(text).slug} | {_plain(text)} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def _ledger_table(states: Mapping[tuple[str, str], int]) -> str:
    lines = [f"| | {' | '.join(STATES)} |", f"|---|{'---|' * len(STATES)}"]
    lines += [f"| {kind}s | {' | '.join(str(states.get((kind, state), 0)) for state in STATES)} |" for kind in KINDS]
    return "\n".join(lines)


def _model(backend: str, model: str) -> str:
    return f"{_plain(backend)} ({_plain(model)})" if model else _plain(backend)


def _plain(text: str) -> str:
    """A text of the configuration as Markdown shows it letter by letter, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))

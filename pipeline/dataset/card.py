"""The dataset's card, `README.md`: what is in the folder, and what Hugging Face `datasets` reads under which name.

Every run writes it anew from the index, the ledger and the configuration, without a date, so the same dataset has the
same card. `load_dataset(folder, "384x256x33-8fps")` reads a bucket's shards. `datasets` reads all configurations of a
card with one builder, so the tables are named in the text, and clips and pictures have no name in common: of samples
with other members than the first one's it would drop those members without a word.

    write_card(dataset, config, {"captions": "837df43b2deb7c2f"}, samples, states)
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from pipeline.dataset.folder import Dataset
from schemas.bucket import Bucket
from schemas.config import RunConfig
from schemas.outcome_tables import KINDS, STATES

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


def write_card(
    dataset: Dataset,
    config: RunConfig,
    tables: Mapping[str, str],
    samples: pa.Table,
    states: Mapping[tuple[str, str], int],
) -> None:
    """Write the card of a finished run. `tables` names the tables in part files with their fingerprints.

    `states` are the numbers of the ledger's rows by kind and state.
    """
    live = (
        samples.filter(pc.equal(samples["status"], "ok")).select(["bucket", "split", "shard", "video_id"]).to_pylist()
    )
    buckets = sorted({row["bucket"] for row in live}, key=lambda text: Bucket.parse(text).slug)
    head = {
        "tags": ["text-to-video", "webdataset", "cutroom"],
        "task_categories": ["text-to-video"],
        "size_categories": [next((name for most, name in _SIZES if len(live) < most), "n>100M")],
        "configs": _shard_configs(live, buckets),
    }
    text = _TEXT.format(
        samples=len(live),
        sources=len({row["video_id"] for row in live}),
        buckets=_bucket_table(live, buckets),
        captioner=_model(config.caption.captioner, config.caption.model.name),
        summariser=_model(config.summarise.summariser, config.summarise.model.name),
        example=next((Bucket.parse(row["bucket"]).slug for row in live if row["split"] == "train"), "<bucket>"),
        tables=_tables(tables),
        ledger=_ledger_table(states),
    )
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000)
    dataset.store.write_changed(CARD, f"---\n{front}---\n{text}".encode())


def _shard_configs(live: Sequence[Mapping[str, Any]], buckets: Sequence[str]) -> list[dict[str, Any]]:
    """All buckets of clips, all of images, and each one; the first of them is what is read without a name."""
    kinds: dict[str, list[str]] = {"video_samples": [], "image_samples": []}
    for text in buckets:
        kinds["image_samples" if Bucket.parse(text).is_image else "video_samples"].append(text)
    groups = {name: members for name, members in kinds.items() if members}
    groups |= {Bucket.parse(text).slug: [text] for text in buckets}
    configs = [{"config_name": name, "data_files": _shards(live, members)} for name, members in groups.items()]
    return [config | ({} if index else {"default": True}) for index, config in enumerate(configs)]


def _shards(live: Sequence[Mapping[str, Any]], buckets: Sequence[str]) -> list[dict[str, Any]]:
    there = {(row["bucket"], row["split"]) for row in live}
    paths = {
        split: [f"shards/{Bucket.parse(text).slug}/{split}-*.tar" for text in buckets if (text, split) in there]
        for split in _SPLITS
    }
    return [{"split": _SPLITS[split], "path": pattern} for split, pattern in paths.items() if pattern]


def _tables(tables: Mapping[str, str]) -> str:
    paths = _WHOLE | {name: f"{name}/{fingerprint}/part-*.parquet" for name, fingerprint in tables.items()}
    lines = ["| table | files |", "|---|---|"]
    return "\n".join([*lines, *(f"| {_plain(name)} | `{paths[name]}` |" for name in sorted(paths))])


def _bucket_table(live: Sequence[Mapping[str, Any]], buckets: Sequence[str]) -> str:
    counts = Counter((row["bucket"], row["split"]) for row in live)
    lines = ["| name | shape | train | val | shards |", "|---|---|---|---|---|"]
    for text in buckets:
        shards = len({row["shard"] for row in live if row["bucket"] == text})
        numbers = [counts[text, "train"], counts[text, "val"], shards]
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

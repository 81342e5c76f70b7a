"""What Megatron Energon wants beside the shards, so that it opens the dataset folder as it stands.

Its own `energon prepare` writes the same after reading every tar; the shard index knows it all already. A sample is an
Energon `CaptioningSample`: `image` is the clip (an AVDecoder) or the image (a tensor [3, H, W], 0 to 1), `caption`
the dense caption. Batches want one shape, so every bucket has a list of shards of its own beside the list of all.

    .nv-meta/.info.json           how many samples each shard holds
    .nv-meta/dataset.yaml         how a sample is made of its members: no cooker, no code
    .nv-meta/split.yaml           the shards of train and val
    .nv-meta/<bucket>.yaml        those of one bucket: get_train_dataset(..., split_config="<bucket>.yaml")
    shards/<bucket>/<name>.tar.idx  where each sample begins, and the end of the last: 64-bit little-endian numbers

    write_energon(Dataset("datasets/videos"), samples)
"""

import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING

import yaml

from pipeline.dataset.folder import Dataset

if TYPE_CHECKING:
    from pipeline.dataset.query import Relation

FOLDER = ".nv-meta"
_SPLITS = ("train", "val", "test")  # `energon lint` asks for all three; a list may be empty
_DATASET = {
    "sample_type": {"__module__": "megatron.energon", "__class__": "CaptioningSample"},
    "field_map": {"image": "mp4,png", "caption": "txt"},
}


def write_energon(dataset: Dataset, samples: "Relation") -> None:
    """Write the files for the shards that hold `samples` (rows of the samples table); takes away those of others."""
    counts: dict[str, int] = {}
    for name, rows in _by_shard(samples):
        counts[name] = len(rows)
        dataset.store.write_changed(f"{name}.idx", _places(rows))
    files = {f"{FOLDER}/.info.json": _json({"shard_counts": counts}), f"{FOLDER}/dataset.yaml": _yaml(_DATASET)}
    files[f"{FOLDER}/split.yaml"] = _split(counts)
    for bucket in sorted({name.split("/")[1] for name in counts}):
        files[f"{FOLDER}/{bucket}.yaml"] = _split([name for name in counts if name.split("/")[1] == bucket])
    for key, data in files.items():
        dataset.store.write_changed(key, data)
    expected = {*files, *(f"{name}.idx" for name in counts)}
    for folder, suffix in (("shards", ".tar.idx"), (FOLDER, ".yaml")):
        for file in dataset.store.list(folder):
            if file.key.endswith(suffix) and file.key not in expected:
                dataset.store.remove(file.key)


def _by_shard(samples: "Relation") -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Offset and size of the good samples of each shard, shard by shard."""
    from pipeline.dataset.query import batches

    live = samples.filter("status = 'ok'").project('shard, "offset", size').order('shard, "offset"')
    tables = (zip(*(batch[name].to_pylist() for name in batch.column_names), strict=True) for batch in batches(live))
    for shard, rows in groupby(chain.from_iterable(tables), key=lambda row: row[0]):
        yield f"shards/{shard}", [(offset, size) for _, offset, size in rows]


def _places(rows: Sequence[tuple[int, int]]) -> bytes:
    ends = [offset for offset, _ in rows] + [sum(rows[-1])]
    return struct.pack(f"<{len(ends)}Q", *ends)


def _split(shards: Iterable[str]) -> bytes:
    listed = list(shards)
    names = {split: [name for name in listed if name.rsplit("/", 1)[1].startswith(f"{split}-")] for split in _SPLITS}
    return _yaml({"split_parts": names, "exclude": []})


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _yaml(value: object) -> bytes:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode()

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
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from pipeline.dataset.folder import Dataset

FOLDER = ".nv-meta"
_COLUMNS = ("split", "shard", "offset", "size")
_SPLITS = ("train", "val", "test")  # `energon lint` asks for all three; a list may be empty
_DATASET = {
    "sample_type": {"__module__": "megatron.energon", "__class__": "CaptioningSample"},
    "field_map": {"image": "mp4,png", "caption": "txt"},
}


def write_energon(dataset: Dataset, samples: pa.Table) -> None:
    """Write the files for the shards that hold `samples` (rows of the samples table); takes away those of others."""
    live = samples.filter(pc.equal(samples["status"], "ok")).select(list(_COLUMNS))
    shards: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in live.sort_by([("shard", "ascending"), ("offset", "ascending")]).to_pylist():
        shards[f"shards/{row['shard']}"].append(row)
    files = {f"{name}.idx": _places(rows) for name, rows in shards.items()}
    files[f"{FOLDER}/.info.json"] = _json({"shard_counts": {name: len(rows) for name, rows in shards.items()}})
    files[f"{FOLDER}/dataset.yaml"] = _yaml(_DATASET)
    files[f"{FOLDER}/split.yaml"] = _split(shards)
    for bucket in sorted({name.split("/")[1] for name in shards}):
        members = {name: rows for name, rows in shards.items() if name.split("/")[1] == bucket}
        files[f"{FOLDER}/{bucket}.yaml"] = _split(members)
    for key, data in files.items():
        dataset.store.write_changed(key, data)
    for folder, suffix in (("shards", ".tar.idx"), (FOLDER, ".yaml")):
        for file in dataset.store.list(folder):
            if file.key.endswith(suffix) and file.key not in files:
                dataset.store.remove(file.key)


def _places(rows: Sequence[Mapping[str, Any]]) -> bytes:
    ends = [row["offset"] for row in rows] + [rows[-1]["offset"] + rows[-1]["size"]]
    return struct.pack(f"<{len(ends)}Q", *ends)


def _split(shards: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    names = {split: [name for name, rows in shards.items() if rows[0]["split"] == split] for split in _SPLITS}
    return _yaml({"split_parts": names, "exclude": []})


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _yaml(value: object) -> bytes:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode()

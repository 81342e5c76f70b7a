"""The card: names for the shards of each kind, bucket and split, safe with any text, and the same for the same dataset.

python -m pytest tests/pipeline/dataset/test_card.py
"""

from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from pipeline.dataset.card import CARD, write_card
from pipeline.dataset.folder import Dataset
from pipeline.dataset.query import querying
from schemas.config import RunConfig
from tests.pipeline.packed_dataset import CLIPS, IMAGES, pack_dataset

_SPAN: dict[str, Any] = {"attempts": 1, "start_time": None, "end_time": None, "seconds": 0.0}
ROWS: list[dict[str, Any]] = [
    {"kind": "video", "id": "v", "parent": None, "source": "a", "state": "shipped", "stage": "pack", "reason": None},
    {"kind": "clip", "id": "c", "parent": "v", "source": "a", "state": "filtered", "stage": "select", "reason": "dark"},
]
STATES = Counter((row["kind"], row["state"]) for row in ROWS)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, pa.Table]:
    return pack_dataset(tmp_path_factory.mktemp("card"))


def _card(packed: tuple[Dataset, pa.Table], model: str = "", **tables: str) -> tuple[dict[str, Any], str]:
    dataset, samples = packed
    config = RunConfig.model_validate({"caption": {"captioner": "openai", "model": {"name": model}}} if model else {})
    with querying(dataset.store) as connection:
        write_card(dataset, config, tables, connection.from_arrow(samples), STATES)
    _, head, text = dataset.store.read(CARD).decode().split("---\n", 2)
    return yaml.safe_load(head), text


def test_every_shard_has_a_name_and_no_name_mixes_clips_and_images(packed: tuple[Dataset, pa.Table]) -> None:
    head, _ = _card(packed)
    shards = [file.key for file in packed[0].store.list("shards") if file.key.endswith(".tar")]
    named = {config["config_name"]: config for config in head["configs"]}
    assert list(named) == ["video_samples", "image_samples", IMAGES, CLIPS]
    assert [name for name, config in named.items() if config.get("default")] == ["video_samples"]
    files = {
        (name, part["split"]): [key for key in shards for path in part["path"] if fnmatchcase(key, path)]
        for name, config in named.items()
        for part in config["data_files"]
    }
    clips, images = f"shards/{CLIPS}", f"shards/{IMAGES}"
    assert files == {
        ("video_samples", "train"): [f"{clips}/train-000000.tar"],
        ("video_samples", "validation"): [f"{clips}/val-000000.tar"],
        ("image_samples", "train"): [f"{images}/train-000000.tar"],
        (CLIPS, "train"): [f"{clips}/train-000000.tar"],
        (CLIPS, "validation"): [f"{clips}/val-000000.tar"],
        (IMAGES, "train"): [f"{images}/train-000000.tar"],
    }


def test_the_text_counts_samples_and_states_and_names_the_tables(packed: tuple[Dataset, pa.Table]) -> None:
    head, text = _card(packed, captions="f00d", **{"scores/beauty": "beef"})
    assert head["size_categories"] == ["n<1K"]
    assert "7 training samples of 3 sources" in text
    assert f"| {CLIPS} | 64x48x17@8 | 3 | 3 | 2 |" in text
    assert "| captions | `captions/f00d/*.parquet` |" in text
    assert "| scores/beauty | `scores/beauty/beef/*.parquet` |" in text
    assert "| clips | 0 | 1 | 0 | 0 | 0 | 0 | 0 |" in text


def test_a_name_cannot_become_markup(packed: tuple[Dataset, pa.Table]) -> None:
    _, text = _card(packed, model="a|b\n---\n# <script>[x](y) `z` {samples}")
    line = next(line for line in text.splitlines() if line.startswith("Captions: "))
    assert line.startswith(r"Captions: openai (a\|b \-\-\- \# \<script\>\[x\]\(y\) \`z\` \{samples\}), combined by")


def test_the_same_dataset_has_the_same_card_and_it_is_written_once(packed: tuple[Dataset, pa.Table]) -> None:
    _card(packed)
    dataset = packed[0]
    before = next(file for file in dataset.store.list() if file.key == CARD)
    _card(packed)
    assert next(file for file in dataset.store.list() if file.key == CARD) == before


def test_a_dataset_without_samples_has_a_card_too(tmp_path: Path, packed: tuple[Dataset, pa.Table]) -> None:
    empty = Dataset(str(tmp_path / "empty"))
    head, text = _card((empty, packed[1].slice(0, 0)))
    assert head["configs"] == []
    assert "0 training samples of 0 sources" in text

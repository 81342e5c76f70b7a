"""A model's identity follows its content and nothing else."""

import json
from pathlib import Path

import pytest

from captioning.checkpoints import model_identity, read_config
from schemas.errors import StageError


def make(folder: Path, weights: bytes) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_fine_tuned_weights_of_the_same_size_are_another_model(tmp_path: Path) -> None:
    size = 3 << 20
    first = make(tmp_path / "a", bytes(size))
    tuned = make(tmp_path / "b", b"\1" * size)
    assert model_identity(str(first)) != model_identity(str(tuned)).replace("b@", "a@")


def test_notes_and_places_do_not_change_a_model(tmp_path: Path) -> None:
    first = make(tmp_path / "model", b"weights")
    before = model_identity(str(first))
    (first / "README.md").write_text("words")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    first.rename(moved / "model")
    assert model_identity(str(moved / "model")) == before


def test_a_hub_name_is_named_with_its_revision() -> None:
    assert model_identity("some/model") == "some/model"
    assert model_identity("some/model", "abc") == "some/model@abc"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="give a Hugging Face folder or a hub name"):
        read_config(str(tmp_path))
    assert read_config(str(make(tmp_path / "model", b"")))["model_type"] == "llama"

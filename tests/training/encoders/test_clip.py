"""CLIP's text encoder from a tiny pipeline folder: the states that diffusers' pipeline would use."""

from pathlib import Path

import pytest
import torch

from schemas.errors import ConfigError, StageError
from tests.training.encoders.folders import save_clip
from training.encoders.clip import ClipText


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_clip(tmp_path_factory.mktemp("clip"))


def test_states_are_the_last_ones_padded_with_the_end_mark_and_unmasked(folder: Path) -> None:
    from transformers import CLIPTextModel

    clip = ClipText(str(folder), 12)
    states = clip.encode(["a cat", ""])
    assert states.shape == (2, 12, 16)
    assert states.dtype == torch.float32
    network = CLIPTextModel.from_pretrained(str(folder / "text_encoder")).eval()
    ids = torch.tensor([[52, 1, 4, 0, 39] + [53] * 7])  # begin, a, c a t, end
    with torch.inference_mode():
        assert torch.allclose(states[:1], network(input_ids=ids).last_hidden_state, atol=1e-5)
    assert clip.count("a cat") == 6
    assert clip.encode(["cat " * 20]).shape == (1, 12, 16)


def test_identity_follows_weights_and_length_and_a_place_without_clip_is_named(folder: Path, tmp_path: Path) -> None:
    other = save_clip(tmp_path / "other", seed=1)
    assert len({ClipText(str(folder), 12).identity, ClipText(str(folder), 13).identity,
                ClipText(str(other), 12).identity}) == 3  # fmt: skip
    with pytest.raises(ConfigError, match="99 tokens were asked of CLIP, which has 32"):
        ClipText(str(folder), 99)
    with pytest.raises(ConfigError, match="text_weights is empty"):
        ClipText("", 12)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(StageError, match="no CLIP text encoder at"):
        ClipText(str(tmp_path / "nothing"), 12)

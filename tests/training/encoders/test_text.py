"""The text encoders: fixed length, padding, cutting, identity; MiniLM as packaged, T5 from tiny folders."""

from pathlib import Path

import pytest
import torch

from schemas.errors import ConfigError, StageError
from tests.training.encoders.folders import save_t5
from training.encoders.minilm import MiniLM
from training.encoders.t5 import T5

CAPTIONS = ["", "A red car drives along a road.", "Rain."]


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    torch.set_num_threads(1)
    return MiniLM(24)


def test_states_are_padded_with_nothing_to_the_length(encoder: MiniLM) -> None:
    states = encoder.encode(CAPTIONS)
    assert states.shape == (3, 24, 384)
    for caption, embeddings in zip(CAPTIONS, states, strict=True):
        used = int(embeddings.abs().sum(1).gt(0).sum())
        assert used == encoder.count(caption)
        assert not embeddings[used:].any()


def test_a_caption_gives_the_same_states_in_any_company(encoder: MiniLM) -> None:
    together = encoder.encode([*CAPTIONS, "Mist."])
    assert torch.allclose(together[1:2], encoder.encode(CAPTIONS[1:2]), atol=1e-5)
    assert torch.allclose(together[2:3], encoder.encode(CAPTIONS[2:3]), atol=1e-5)
    assert not torch.allclose(together[2], together[3], atol=1e-2)


def test_a_long_caption_is_counted_whole_and_cut(encoder: MiniLM) -> None:
    long = "A man walks through a field of wheat " * 9
    assert encoder.count(long) > 60
    states = encoder.encode([long])
    assert states.abs().sum(2).gt(0).all()


def test_length_is_a_part_of_the_identity_and_has_bounds() -> None:
    assert MiniLM(16).identity != MiniLM(24).identity
    with pytest.raises(ConfigError, match="2 to 512"):
        MiniLM(600)


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> T5:
    return T5(str(save_t5(tmp_path_factory.mktemp("t5"))), 8)


def test_t5_is_padded_to_the_length_without_a_mask(t5: T5) -> None:
    states = t5.encode(["a cat sleeps", ""])
    assert states.shape == (2, 8, 32)
    assert states.dtype == torch.float32
    with torch.inference_mode():
        ids = torch.tensor([[3, 4, 7, 1, 0, 0, 0, 0]])  # a cat sleeps </s>, padding
        assert torch.allclose(states[:1], t5._network(input_ids=ids).last_hidden_state, atol=1e-6)


def test_t5_counts_before_it_cuts(t5: T5) -> None:
    assert t5.count("a cat sleeps") == 4
    assert t5.count("the dog runs in the rain on the grass") == 10
    assert t5.encode(["the dog runs in the rain on the grass"]).shape == (1, 8, 32)


def test_t5_opens_from_a_pipelines_folder_and_is_known_by_content(tmp_path: Path) -> None:
    save_t5(tmp_path / "a" / "text_encoder", tmp_path / "a" / "tokenizer")
    save_t5(tmp_path / "b" / "text_encoder", tmp_path / "b" / "tokenizer")
    save_t5(tmp_path / "c" / "text_encoder", tmp_path / "c" / "tokenizer", seed=1)
    first, same, other = (T5(str(tmp_path / name), 8).identity for name in "abc")
    assert first == same
    assert first != other
    assert first != T5(str(tmp_path / "a"), 9).identity


def test_a_place_without_t5_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(StageError, match="no T5 encoder at"):
        T5(str(tmp_path), 8)


def test_t5_masks_its_padding_where_asked(tmp_path: Path) -> None:
    folder = str(save_t5(tmp_path))
    attended, masked, short = T5(folder, 8), T5(folder, 8, padding="zero"), T5(folder, 4)
    caption = "a cat sleeps"
    length = masked.count(caption)
    assert length == 4
    states = masked.encode([caption, ""])
    assert torch.allclose(states[0, :length], short.encode([caption])[0], atol=1e-5)
    assert not states[0, length:].any()
    assert not torch.allclose(states[0, :length], attended.encode([caption])[0, :length], atol=1e-3)
    assert masked.identity == f"{attended.identity}, padding masked"

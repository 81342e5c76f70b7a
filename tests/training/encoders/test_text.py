"""The packaged text encoder: fixed length, padding, cutting, and independence of the captions beside."""

import pytest
import torch

from schemas.errors import ConfigError
from training.encoders.minilm import MiniLM

CAPTIONS = ["", "A red car drives along a road.", "Rain."]


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    torch.set_num_threads(1)
    return MiniLM(24)


def test_states_are_padded_with_nothing_to_the_length(encoder: MiniLM) -> None:
    states = encoder.encode(CAPTIONS)
    assert states.shape == (3, 24, 384)
    for caption, one in zip(CAPTIONS, states, strict=True):
        used = int(one.abs().sum(1).gt(0).sum())
        assert used == encoder.count(caption)
        assert not one[used:].any()


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

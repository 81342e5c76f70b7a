"""Entries come back as they went in, equal bytes for equal content, and say so when they are none."""

import pytest
import torch

from schemas.errors import DatasetError
from training.latents.entry import Entry, from_member, pad, to_member


def entry(std: float = 0.5) -> Entry:
    generator = torch.Generator().manual_seed(1)
    states = {text: pad(torch.randn(tokens, 6, generator=generator), 9) for tokens, text in ((4, "A cat."), (9, "B."))}
    mean = torch.randn(3, 16, 4, 6, generator=generator)
    return Entry("k", mean, std * torch.ones_like(mean), {"short": "A cat.", "medium": "A cat.", "dense": "B."},
                 states)  # fmt: skip


@pytest.mark.parametrize("std", [0.0, 0.5])
def test_an_entry_comes_back_exactly(std: float) -> None:
    original = entry(std)
    read = Entry.from_bytes(from_member(to_member("a", original.to_bytes(torch.float32))))
    assert (read.key, read.captions) == (original.key, original.captions)
    assert torch.equal(read.mean, original.mean)
    assert torch.equal(read.std, original.std)
    for text, states in original.embeddings.items():
        assert torch.equal(pad(read.embeddings[text], 9), states)
    assert len(read.embeddings["A cat."]) == 4


def test_half_precision_is_a_choice_and_comes_back_as_float32() -> None:
    original = entry()
    read = Entry.from_bytes(original.to_bytes(torch.float16))
    assert read.mean.dtype == torch.float32
    assert torch.allclose(read.mean, original.mean, atol=2e-3)
    assert len(original.to_bytes(torch.float16)) < 0.7 * len(original.to_bytes(torch.float32))


def test_equal_entries_are_equal_bytes() -> None:
    assert len({entry().to_bytes(torch.float32) for _ in range(5)}) == 1


@pytest.mark.parametrize("data", [b"", b"nothing at all", bytes(600)])
def test_bytes_that_are_no_entry_are_an_error_that_says_so(data: bytes) -> None:
    with pytest.raises(DatasetError, match="not an entry"):
        Entry.from_bytes(data)
    with pytest.raises(DatasetError, match="tar"):
        from_member(data)


def test_long_names_fit() -> None:
    assert from_member(to_member("x" * 150, b"abc")) == b"abc"

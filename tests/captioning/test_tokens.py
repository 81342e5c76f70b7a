"""Counts are those of the tokenizer that the name names, without its model's limit."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from captioning.tokens import TokenCounter
from schemas.errors import ConfigError


def test_default_is_an_estimate_and_says_so() -> None:
    counter = TokenCounter()
    assert "estimate" in counter.name
    assert counter.count("A cat.") == 5  # a, cat, full stop, and the two special tokens


def test_long_captions_are_not_truncated() -> None:
    assert TokenCounter().count("cat " * 700) == 702


def test_any_tokenizer_folder_counts(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "cat": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = tmp_path / "words"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    counter = TokenCounter(folder)
    assert counter.name == "words"
    assert counter.count("a cat sleeps") == 3


def test_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tokenizer\.json does not exist"):
        TokenCounter(tmp_path)

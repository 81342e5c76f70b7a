"""What is learned: the prompt as it is asked at work, and loss on the summary's tokens alone."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.backends.packaged import DEFAULT_CACHE, unpacked
from captioning.distill.examples import IGNORED, Example, collate, make_example
from captioning.distill.prompt import FILE, TrainedPrompt, trained_prompt
from captioning.prompts import SUMMARY_EXAMPLES
from schemas.errors import StageError


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(unpacked(DEFAULT_CACHE), local_files_only=True)


def test_only_the_summary_and_its_end_carry_loss(tokenizer: Any) -> None:
    messages = TrainedPrompt().messages(["A cat sits.", "A dog runs past the cat."])
    example = make_example(tokenizer, messages, "A cat sits as a dog runs past.")
    assert tokenizer.decode(example.tokens[example.answer_at :]) == "A cat sits as a dog runs past.<|im_end|>"
    before = tokenizer.decode(example.tokens[: example.answer_at])
    assert before.endswith("A cat sits. Then a dog runs past the cat.<|im_end|>\n<|im_start|>assistant\n")
    short = make_example(tokenizer, messages[-1:], "A cat.")
    batch = collate([example, short], pad=0)
    wanted = batch["labels"][0]
    assert tokenizer.decode(wanted[wanted != IGNORED]) == "A cat sits as a dog runs past.<|im_end|>"


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=5))
def test_batches_end_together_and_hide_padding_and_prompts(sizes: list[tuple[int, int]]) -> None:
    examples = [Example(tuple(range(1, before + answer + 1)), before) for before, answer in sizes]
    batch = collate(examples, pad=0)
    for row, example in enumerate(examples):
        length, answer = len(example.tokens), len(example.tokens) - example.answer_at
        assert tuple(batch["input_ids"][row, -length:].tolist()) == example.tokens
        assert batch["attention_mask"][row].sum() == length
        assert batch["position_ids"][row, -length:].tolist() == list(range(length))
        assert batch["labels"][row, -answer:].tolist() == list(example.tokens[example.answer_at :])
        assert (batch["labels"][row, :-answer] == IGNORED).all()


def test_a_model_says_how_it_was_asked(tmp_path: Path) -> None:
    assert trained_prompt(tmp_path) is None
    taught = TrainedPrompt(prompt="Be brief.", examples=SUMMARY_EXAMPLES)
    taught.save(tmp_path)
    assert trained_prompt(tmp_path) == taught
    assert taught.prompt_hash != TrainedPrompt().prompt_hash
    assert len(taught.messages(["A cat."])) == 2 + 2 * len(SUMMARY_EXAMPLES)
    (tmp_path / FILE).write_text('{"task": "caption", "prompt": "Describe it."}')
    assert trained_prompt(tmp_path) is None
    (tmp_path / FILE).write_text('{"task": "summarise"}')
    with pytest.raises(StageError, match="distill the model again"):
        trained_prompt(tmp_path)

"""Thinking never reaches an answer, in whatever shape it comes, and what is no thinking stays as it is.

python -m pytest tests/captioning/test_thinking.py
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.backends.decoding import decode_answer
from captioning.cache import ReplyCache
from captioning.chat import ChatReply, Usage
from captioning.form import THINKING, find_fault
from captioning.thinking import MARK, has_thinking_tokens, no_thinking_options, opens_thinking, separate, strip_thinking

ANSWER = "A brown dog runs across a lawn."
MARKS = [
    ("<think>", "</think>"),
    ("<THINK>", "</Think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
]


@pytest.mark.parametrize(("start", "end"), MARKS)
def test_every_shape_is_separated(start: str, end: str) -> None:
    assert separate(f"{start}\nA dog? Or a cat?\n{end}\n\n{ANSWER}").answer == ANSWER
    assert separate(f"A dog? Or a cat?\n{end}\n\n{ANSWER}").answer == ANSWER
    assert separate(f"{start}{end}{ANSWER}").answer == ANSWER
    assert separate(f"{start}One.{end}{start}Two.{end}{ANSWER}").answer == ANSWER
    for cut in ("analysisThe user wants", f"{start}A dog? Or", start, f"{start}A dog?{end}", f"{start}A {start} dog"):
        assert separate(cut).answer == ""
    assert "A dog? Or a cat?" in separate(f"{start}A dog? Or a cat?{end}{ANSWER}").thinking


@pytest.mark.parametrize(
    "wrapped",
    [
        f"<think>Hm.</think><answer>{ANSWER}</answer>",
        f"<answer>{ANSWER}</answer>",
        f"<think>Hm.</think><|begin_of_box|>{ANSWER}<|end_of_box|>",
        f"<|begin_of_thought|>Hm.<|end_of_thought|>\n<|begin_of_solution|>\n{ANSWER}\n<|end_of_solution|>",
        f"analysisThe user wants a caption.assistantfinal{ANSWER}",
    ],
)
def test_the_answer_is_taken_out_of_its_wrapper(wrapped: str) -> None:
    assert separate(wrapped).answer == ANSWER


@pytest.mark.parametrize(
    "text",
    [ANSWER, "", f" {ANSWER}\n", "A dog.<|end|>", "analysis of a dog", '{"dense": "A man thinks."}', "a < b > c"],
)
def test_what_holds_no_thinking_stays_as_it_is(text: str) -> None:
    assert separate(text).answer == text


def test_where_the_prompt_opened_the_thinking_all_is_thinking_until_it_closes() -> None:
    assert separate("A dog? Yes, a dog.", opened=True).answer == ""
    assert separate(f"A dog?</think>{ANSWER}", opened=True).answer == ANSWER


@given(st.lists(st.sampled_from([*(mark for pair in MARKS for mark in pair), "a dog", " ", "<answer>", "</answer>"])))
def test_no_mark_is_ever_left_and_separating_again_changes_nothing(pieces: list[str]) -> None:
    answer = separate("".join(pieces)).answer
    assert not MARK.search(answer)
    assert separate(answer).answer == answer


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_thinking_before_any_answer_is_taken_away(thinking: str, answer: str) -> None:
    separated = separate(f"<think>{thinking}</think>{answer}")
    if not MARK.search(thinking + answer) and "answer" not in answer and "<|" not in thinking + answer:
        assert (separated.answer, separated.thinking) == (answer.strip(), thinking.strip())


def test_thinking_is_counted_apart() -> None:
    reply = ChatReply(id="a", text=f"<think>{'x' * 300}</think>{'y' * 100}", completion_tokens=80)
    assert strip_thinking(reply).thinking_tokens == 60
    assert strip_thinking(reply, thinking_tokens=70).thinking_tokens == 70
    separated = ChatReply(id="a", text="y" * 100, completion_tokens=80)
    assert strip_thinking(separated, thinking="x" * 300).thinking_tokens == 60
    assert strip_thinking(separated).thinking_tokens == 0
    only = strip_thinking(ChatReply(id="a", text="<think>Hm", completion_tokens=80))
    assert (only.text, only.thinking_tokens, only.completion_tokens) == ("", 80, 80)
    apart = strip_thinking(separated, thinking_tokens=500)
    assert (apart.thinking_tokens, apart.completion_tokens) == (500, 580)
    assert Usage.of([only, apart]).thinking_tokens == 580


def test_a_server_that_put_the_answer_into_the_thinking_is_understood() -> None:
    reply = strip_thinking(ChatReply(id="a", text="", completion_tokens=10), thinking=f"A dog?</think>{ANSWER}")
    assert reply.text == ANSWER
    assert strip_thinking(ChatReply(id="a", text=""), thinking=ANSWER).text == ""


def test_what_an_earlier_version_kept_is_separated_when_it_is_read(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "replies.sqlite")
    cache.put("key", ChatReply(id="a", text=f"<think>Hm.</think>{ANSWER}", completion_tokens=20))
    kept = cache.get("key")
    assert kept is not None
    assert (kept.text, kept.cached) == (ANSWER, True)
    assert kept.thinking_tokens > 0
    cache.close()


def test_prompts_that_open_the_thinking_are_known_and_quiet_modes_asked_for() -> None:
    assert opens_thinking("<|im_start|>assistant\n<think>\n")
    assert not opens_thinking("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert not opens_thinking("<|im_start|>assistant\n")
    assert no_thinking_options("{% if enable_thinking %}") == {"enable_thinking": False}
    assert no_thinking_options(None) == {}


ALOUD = [
    "The user wants a caption of the picture. A dog runs.",
    "A dog runs. Wait, that might be a fox.",
    "Let me look at the picture. There is a dog.",
    "Okay, so first I need to see what is there. A dog.",
    "First, I need to name the subject. The dog runs.",
    "Hmm, a dog or a fox. A dog.",
    "We need to write one paragraph. A dog runs on grass.",
    "A dog runs. So the final answer: a dog runs on grass.",
    "The caption should mention the dog and the lawn.",
    "The instructions say to keep it short, so a dog runs.",
    "A brown dog. I should mention the lawn too.",
    "Let's think step by step about the dog.",
    "The user asked for one paragraph about the dog.",
    "A dog runs. Alright, now the lighting. It is bright.",
    "A dog. I'll double-check the colour. It is brown.",
]
PLAIN = [
    ANSWER,
    "A man waits by the door and then walks in. First, a car passes, then a tram.",
    "A user types on a keyboard in a dim office.",
    "A woman thinks with her chin in her hand. She seems to need a moment.",
    "A child says okay with a thumb up; the final scene is bright.",
    "Two dancers step back and step by the mirror. The task light above them is off.",
    "A sign in the window reads 'LET ME IN' in red letters.",
    "A teacher explains an answer at the blackboard while the class takes notes.",
]


@pytest.mark.parametrize("text", ALOUD)
def test_thinking_without_marks_is_a_fault(text: str) -> None:
    assert THINKING.search(text)
    assert find_fault(text) is not None


@pytest.mark.parametrize("text", PLAIN)
def test_plain_captions_do_not_think(text: str) -> None:
    assert not THINKING.search(text)
    assert find_fault(text) is None


def test_only_thinking_is_a_fault_that_says_what_to_raise() -> None:
    fault = find_fault("", cut_off=True, thinking_tokens=512)
    assert fault is not None
    assert fault.reason == "512 tokens of thinking and no answer; raise model.max_new_tokens if it was cut off"


class _Tokenizer:
    """Words by number; 0, 1 and 2 are special, and 1 and 2 mark thinking."""

    all_special_ids = (0, 1, 2)
    all_special_tokens = ("<s>", "[THINK]", "[/THINK]")

    def decode(self, tokens: list[int], skip_special_tokens: bool = False) -> str:
        words = ("<s>", "[THINK]", "[/THINK]", "hm", "dog")
        return " ".join(words[token] for token in tokens if not (skip_special_tokens and token < 3))


def test_special_tokens_are_left_out_but_for_those_that_mark_thinking() -> None:
    assert separate(decode_answer(_Tokenizer(), [1, 3, 2, 4, 0])).answer == "dog"
    assert decode_answer(_Tokenizer(), [0, 3, 4, 0]) == "hm dog"
    assert has_thinking_tokens(_Tokenizer())

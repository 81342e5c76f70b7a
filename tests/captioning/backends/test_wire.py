"""What servers answer: every shape is read or refused with a reason, and nothing of a key comes through."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.backends.wire import LONGEST_MESSAGE, Failure, one_line, read_answer, read_message
from captioning.chat import ChatReply

KEY = "sk-0123456789/abcdef"
# JSON of any shape, with the API's own names among the keys.
_NAMES = st.sampled_from(
    [
        "choices",
        "message",
        "content",
        "reasoning_content",
        "refusal",
        "usage",
        "prompt_tokens",
        "error",
        "finish_reason",
    ]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10) | st.just(KEY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=20,
)


def answer(message: dict[str, Any], **rest: Any) -> str:
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop", **rest}], "usage": None})


def test_a_text_with_its_counts() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    body = json.dumps({"choices": [{"message": {"content": "hé"}, "finish_reason": "length"}], "usage": usage})
    expected = ChatReply(id="a", text="hé", finish_reason="length", prompt_tokens=5, completion_tokens=2)
    assert read_answer("a", body) == expected


def test_a_refusal_is_an_error_and_no_caption() -> None:
    refused = read_answer("a", answer({"content": None, "refusal": "I will\nnot"}))
    assert refused == Failure("refused by the model: I will not")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": None}, ""),
        ({"content": None, "refusal": None, "reasoning_content": "hm"}, ""),
        ({"content": "yes", "refusal": ""}, "yes"),
        ({"content": [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]}, "one two"),
        ({"content": "half \ud800 pair"}, "half ? pair"),
    ],
)
def test_content_in_its_forms(message: dict[str, Any], text: str) -> None:
    reply = read_answer("a", answer(message))
    assert isinstance(reply, ChatReply)
    assert (reply.text, reply.error) == (text, None)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "<think>A dog? Yes.</think>\n\nA dog."}, "A dog."),
        ({"content": "A dog? Yes.</think>A dog."}, "A dog."),
        ({"content": "<think>A dog? Or"}, ""),
        ({"content": None, "reasoning_content": "A dog? Yes."}, ""),
        ({"content": "", "reasoning": "A dog? Yes."}, ""),
        ({"content": "A dog.", "reasoning_content": "A dog? Yes."}, "A dog."),
        ({"content": "\n\nA dog.", "reasoning": "A dog? Yes."}, "\n\nA dog."),
        ({"content": None, "reasoning_content": "A dog? Yes.</think>A dog."}, "A dog."),
        ({"content": [{"type": "thinking", "thinking": "A dog?"}, {"type": "text", "text": "A dog."}]}, "A dog."),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"text": "A dog."}]},
            "A dog.",
        ),
        ({"content": [{"type": "reasoning", "text": "A dog?"}, {"type": "output_text", "text": "A dog."}]}, "A dog."),
    ],
)
def test_thinking_is_no_part_of_the_text_wherever_it_stands(message: dict[str, Any], text: str) -> None:
    def read(**more: Any) -> ChatReply:
        usage = {"prompt_tokens": 5, "completion_tokens": 90, **more}
        choices = [{"message": message, "finish_reason": "stop"}]
        reply = read_answer("a", json.dumps({"choices": choices, "usage": usage}))
        assert isinstance(reply, ChatReply)
        return reply

    assert (read().text, read().completion_tokens) == (text, 90)
    assert 0 < read().thinking_tokens <= 90
    assert read(completion_tokens_details={"reasoning_tokens": 77}).thinking_tokens == 77


def test_a_key_in_the_thinking_is_thrown_away_too() -> None:
    outcome = read_answer("a", answer({"content": None, "reasoning": f"{KEY}</think>{KEY}"}), KEY)
    assert isinstance(outcome, Failure)


@given(ANY_JSON)
def test_any_json_is_read_and_holds_no_key(body: object) -> None:
    outcome = read_answer("a", json.dumps(body), KEY)
    assert KEY not in repr(outcome)
    if isinstance(outcome, ChatReply):
        assert (outcome.id, outcome.error) == ("a", None)
        assert min(outcome.prompt_tokens, outcome.completion_tokens) >= 0
    else:
        assert outcome.reason
    assert KEY not in read_message(json.dumps(body), KEY)


@given(st.text())
def test_any_body_is_read(body: str) -> None:
    assert len(read_message(body)) <= LONGEST_MESSAGE
    read_answer("a", body).__repr__().encode()


def test_deep_json_is_an_error() -> None:
    outcome = read_answer("a", "[" * 200_000)
    assert isinstance(outcome, Failure)
    assert outcome.again


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"error": {"message": "no such model"}}', "no such model"),
        ('{"error": "no such model"}', "no such model"),
        ('{"message": "no such model", "object": "error"}', "no such model"),
        ('{"detail": [{"loc": ["body"]}]}', '[{"loc": ["body"]}]'),
        ("Bad\n  Gateway", "Bad Gateway"),
        ("", "(empty)"),
    ],
)
def test_the_message_inside_an_error(body: str, message: str) -> None:
    assert read_message(body) == message


@given(st.integers(0, 2 * LONGEST_MESSAGE), st.sampled_from([KEY, f"Bearer {KEY}", KEY.replace("/", "%2F")]))
def test_no_piece_of_a_key_is_left_where_a_message_is_cut(before: int, written: str) -> None:
    line = one_line(" " + "x" * before + " " + written + " end", KEY)
    assert "sk-0" not in line
    assert "bcdef" not in line


def test_a_header_that_is_echoed_in_part_is_hidden_too() -> None:
    assert one_line(f"got 'Bearer {KEY[:9]}', why?", KEY) == "got 'Bearer ***', why?"

"""However late and disordered a model answers, every answer lands on its own question."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.chat import NO_REPLY, ChatReply, ChatRequest, ImageBytes, Message, Usage
from captioning.dialogue import converse
from schemas.errors import StageError
from tests.captioning.scripted import ScriptedChat


class Echo:
    """Wants `times` answers that name the question, then tells them; an error ends the talk."""

    prompt_hash = "0"

    def __init__(self, times: int) -> None:
        self._times = times

    def step(self, question: str, replies: Sequence[ChatReply]) -> ChatRequest | str:
        if replies and replies[-1].error:
            return f"failed: {replies[-1].error}"
        if len(replies) == self._times:
            return "|".join(reply.text for reply in replies)
        return ChatRequest(id=question, messages=(Message("user", question),), max_tokens=9, seed=len(replies))


def ask(task: Echo, chat: ScriptedChat, questions: Sequence[str]) -> dict[str, str]:
    async def run() -> dict[str, str]:
        return dict([pair async for pair in converse(task, chat, {question: question for question in questions})])

    return asyncio.run(run())


@given(st.sets(st.text("abc", min_size=1, max_size=4), max_size=12), st.integers(0, 3), st.integers(0, 99))
def test_answers_are_matched_by_id_over_all_rounds(questions: set[str], times: int, seed: int) -> None:
    chat = ScriptedChat(lambda request, before: ChatReply(id=request.id, text=f"{request.id}{before}"), seed)
    answers = ask(Echo(times), chat, sorted(questions))
    assert answers == {question: "|".join(f"{question}{number}" for number in range(times)) for question in questions}


def test_a_request_without_a_reply_is_an_error_of_its_own_row() -> None:
    class Deaf(ScriptedChat):
        async def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
            async for reply in super().chat(requests):
                if reply.id != "b":
                    yield reply

    chat = Deaf(lambda request, before: ChatReply(id=request.id, text="yes"))
    assert ask(Echo(1), chat, ["a", "b", "c"]) == {"a": "yes", "b": f"failed: {NO_REPLY}", "c": "yes"}


@pytest.mark.parametrize("answered", [["z"], ["a", "a"]])
def test_an_answer_for_another_question_stops_the_run(answered: list[str]) -> None:
    class Confused(ScriptedChat):
        async def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
            for key in answered:
                yield ChatReply(id=key, text="yes")

    with pytest.raises(StageError, match="was not asked"):
        ask(Echo(1), Confused(lambda request, before: ChatReply(id="")), ["a", "b"])


def test_what_identifies_a_request_is_all_that_decides_its_answer() -> None:
    request = ChatRequest(id="a", messages=(Message("user", "hi", (ImageBytes("p1", b"x"),)),), max_tokens=9)
    other = ChatRequest(id="a", messages=(Message("user", "hi", (ImageBytes("p2", b"x"),)),), max_tokens=9)
    warm = request.again("no", "Try again.", 2)
    keys = {request.key("m"), request.key("n"), other.key("m"), warm.key("m")}
    assert len(keys) == 4
    assert warm.temperature == pytest.approx(0.4)
    assert [message.role for message in warm.messages] == ["user", "assistant", "user"]


def test_replies_survive_being_kept_and_what_a_cache_gave_costs_nothing() -> None:
    reply = ChatReply(id="a", text="ü\n", finish_reason="length", prompt_tokens=7, completion_tokens=3, attempts=2)
    kept = ChatReply.from_json(reply.to_json())
    assert kept.text == reply.text
    assert kept.cached
    assert Usage.of([reply, kept]) == Usage(calls=2, cached=1, prompt_tokens=7, completion_tokens=3)

"""Asks until an answer will do: a task says what to ask next, a chat model answers, and nothing is mixed up between.

A task is a pure function from a question and the replies so far to the next request or to the final answer. That makes
retries (too long, in a loop, in another language) part of the task, testable without a model, and the same for every
backend. Questions advance in rounds, so a batch engine gets everything that is open at once.

    python -m pytest tests/captioning/test_dialogue.py
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, TypeVar

from captioning.chat import ChatModel, ChatReply, ChatRequest, check_ids
from schemas.errors import StageError

Question = TypeVar("Question", contravariant=True)
Answer = TypeVar("Answer", covariant=True)
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")
NO_REPLY = "no reply"


class Task(Protocol[Question, Answer]):
    """What is wanted of a model. `prompt_hash` covers every word that it is told."""

    prompt_hash: str

    def step(self, question: Question, replies: Sequence[ChatReply]) -> ChatRequest | Answer:
        """The next request, or the answer once the replies allow one. Must end: each task bounds its attempts."""
        ...


async def converse(
    task: Task[Asked, Answered], chat: ChatModel, questions: Mapping[str, Asked]
) -> AsyncIterator[tuple[str, Answered]]:
    """Yield (id, answer) for every question, by id; a request of a question carries the question's id.

    Raises `StageError` if a reply's id was not asked for or comes twice: then words land on the wrong pictures.
    """
    replies: dict[str, list[ChatReply]] = {key: [] for key in questions}
    open_requests: list[ChatRequest] = []
    for key, question in questions.items():
        step = task.step(question, [])
        if isinstance(step, ChatRequest):
            open_requests.append(step)
        else:
            yield key, step
    while open_requests:
        waiting = check_ids(open_requests)
        assert waiting <= set(questions), "a task's requests carry their questions' ids"
        again: list[ChatRequest] = []
        async for reply in _round(chat, open_requests):
            replies[reply.id].append(reply)
            step = task.step(questions[reply.id], replies[reply.id])
            if isinstance(step, ChatRequest):
                again.append(step)
            else:
                yield reply.id, step
        open_requests = again


async def _round(chat: ChatModel, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
    """One reply per request; a request that got none has one with the error `no reply`."""
    waiting = dict.fromkeys(request.id for request in requests)
    async for reply in chat.chat(requests):
        if reply.id not in waiting:
            raise StageError(
                f"{chat.name} answered for {reply.id!r}, which it was not asked or had answered already; "
                "replies must carry the ids of their requests"
            )
        del waiting[reply.id]
        yield reply
    for key in waiting:
        yield ChatReply(id=key, error=NO_REPLY)

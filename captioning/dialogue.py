"""Runs conversations: a task says what to ask next, a chat model answers, until the task accepts an answer.

A task is a pure function from a question and the replies so far to the next request or to the final answer. That makes
retries (too long, in a loop, in another language) part of the task: testable without a model, and the same for every
backend. Questions advance in rounds, so a batch engine gets all open requests at once.

    async for key, answer in converse(FrameTask(), chat, {request.still_id: request for request in requests}): ...
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, TypeVar

from captioning.chat import NO_REPLY, ChatModel, ChatReply, ChatRequest, check_ids
from schemas.errors import StageError

Question = TypeVar("Question", contravariant=True)
Answer = TypeVar("Answer", covariant=True)
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Task(Protocol[Question, Answer]):
    """What a model is asked to do. `prompt_hash` covers its instructions and examples."""

    prompt_hash: str

    def step(self, question: Question, replies: Sequence[ChatReply]) -> ChatRequest | Answer:
        """The next request, or the final answer. Must terminate: each task bounds its attempts."""
        ...


async def converse(
    task: Task[Asked, Answered], chat: ChatModel, questions: Mapping[str, Asked]
) -> AsyncIterator[tuple[str, Answered]]:
    """Yield (id, answer) for every question; `questions` are by id, and a question's requests carry its id.

    Raises `StageError` if a reply's id is unknown or comes twice: captions would land on the wrong images.
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
    """One reply per request; a request without a reply yields the error `no reply`."""
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

"""A real HTTP server that speaks the chat API from a thread of the test, and what asks it in a hurry.

Each test says what the server answers, and when: `with serving(answer) as server: ask(chat_at(server), question("a"))`.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from captioning.backends.backoff import Backoff
from captioning.backends.openai import OpenAIChat
from captioning.chat import ChatModel, ChatReply, ChatRequest, Message
from schemas.model_config import ModelConfig

FAST = Backoff(first=0.01, longest=0.05, longest_asked=0.3)


@dataclass
class ChatServer:
    """Where it listens and what it saw: each request's body and headers, and how many were open at once."""

    base_url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    def sent(self, prompt: str) -> int:
        """How often the prompt was sent."""
        return sum(prompt_of(body) == prompt for body in self.bodies)


Answer = Callable[[web.Request, str, int], Awaitable[web.StreamResponse]]
"""Called with the request, its prompt, and how often this prompt was sent before."""


def prompt_of(body: dict[str, Any]) -> str:
    """The text of the last message."""
    content = body["messages"][-1]["content"]
    return str(content if isinstance(content, str) else content[-1]["text"])


def completion(text: str | None, **message: Any) -> web.Response:
    """An answer as the API gives it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    return web.json_response({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})


@contextmanager
def serving(answer: Answer) -> Iterator[ChatServer]:
    """Serve `/v1/chat/completions` on an ephemeral port of this machine until the block ends."""
    seen = ChatServer()

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt = prompt_of(body)
        before = seen.sent(prompt)
        seen.bodies.append(body)
        seen.headers.append(dict(request.headers))
        seen.open += 1
        seen.most_open = max(seen.most_open, seen.open)
        try:
            return await answer(request, prompt, before)
        finally:
            seen.open -= 1

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        application = web.Application(client_max_size=64 << 20)
        application.router.add_post("/v1/chat/completions", handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        seen.base_url = f"http://127.0.0.1:{port}/v1"
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield seen
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def chat_at(server: ChatServer, **settings: object) -> OpenAIChat:
    given = {"name": "made", "base_url": server.base_url, "timeout_seconds": 5, "max_retries": 2, **settings}
    return OpenAIChat(ModelConfig.model_validate(given), 1, backoff=FAST)


def question(id: str, text: str = "", **options: object) -> ChatRequest:
    return ChatRequest(id=id, messages=(Message("user", text or f"say {id}"),), max_tokens=32, **options)  # type: ignore[arg-type]


async def collect(chat: ChatModel, requests: list[ChatRequest]) -> list[ChatReply]:
    return [reply async for reply in chat.chat(requests)]


def ask(chat: ChatModel, *requests: ChatRequest) -> list[ChatReply]:
    return asyncio.run(collect(chat, list(requests)))


async def echo(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
    return completion(prompt)


def ask_one(answer: object, **settings: object) -> tuple[ChatReply, ChatServer]:
    """The reply to one question at a server that answers like this."""
    with serving(answer) as server:  # type: ignore[arg-type]
        (reply,) = ask(chat_at(server, **settings), question("a"))
    return reply, server

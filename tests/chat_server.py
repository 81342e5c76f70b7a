"""A real HTTP server that speaks the chat API from a thread of the test: each test says what it answers, and when.

with serving(answer) as server:
    OpenAIChat(ModelConfig(name="made", base_url=server.base_url), 1)
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


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

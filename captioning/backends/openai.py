"""A model behind an OpenAI-compatible endpoint (vLLM serve, SGLang, a hosted service), with many requests in flight.

The client is the `openai` package's. Its own retries are switched off: they give up on a proxy's error page and on a
long `Retry-After`, let the server decide what is retried, and do not report how often a request was sent. The retries
are made here. Whatever the endpoint does becomes a reply with an `error`; only wrong settings raise.

    summarise: {summariser: openai, model: {name: my-model, base_url: "http://127.0.0.1:8000/v1"}}
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from captioning.backends.address import read_address
from captioning.backends.backoff import Backoff, read_retry_after
from captioning.backends.base import Backend
from captioning.backends.wire import Failure, one_line, read_answer, read_message, write_request
from captioning.chat import ChatReply, ChatRequest
from schemas.errors import ConfigError
from schemas.model_config import ModelConfig

if TYPE_CHECKING:
    from openai import AsyncOpenAI

Create = Callable[..., Awaitable[Any]]
# The client opens no more connections than this; further requests would wait inside it and run into time-outs.
MAX_CONNECTIONS = 1000
_NO_KEY = "none"
_BACKOFF = Backoff()
_RETRIED = frozenset((408, 409, 429))
_HINTS = {
    400: "the endpoint rejects this request: check max_new_tokens against its context length, images and schema",
    401: "check the key in the environment variable {key_variable}",
    403: "the key in the environment variable {key_variable} may not use this model",
    404: "check base_url (it usually ends in /v1) and that the endpoint serves {name!r}",
    413: "send fewer or smaller images",
    422: "the endpoint rejects this request: check max_new_tokens, images and schema",
    429: "lower max_in_flight or raise max_retries",
}


class OpenAIChat:
    """A `ChatModel` on an endpoint; at most `max_in_flight` requests are open at once over all calls of `chat`.

    `model` is the name with the revision. Without a revision the endpoint's host takes its place, so that two
    deployments of one name differ; with a revision a deployment keeps its lineage when it moves to another port.
    The key is read from the environment for each `chat` and stored nowhere. `threads` is ignored.

    Raises `ConfigError` if `name` or `base_url` is missing or wrong.
    """

    name = "openai"

    def __init__(self, config: ModelConfig, threads: int = 1, *, backoff: Backoff = _BACKOFF) -> None:
        if not config.name:
            raise ConfigError("model.name is empty; the openai backend needs the name that its endpoint serves")
        self._config, self._backoff = config, backoff
        self._address = read_address(config.base_url)
        self.model = f"{config.name} {config.revision or f'at {self._address.host}'}"
        self._slots: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}

    async def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
        """Yield each reply as it arrives. Raises `ConfigError` if a key is needed and there is none."""
        key = self.check_key()
        slots = self._slots_of_this_loop()
        waiting = iter(requests)
        replies: asyncio.Queue[ChatReply] = asyncio.Queue()
        async with self._connect(key) as client:
            # Loads the package's types, which takes a while: do it before the first request's time-out starts.
            create: Create = client.chat.completions.with_raw_response.create
            workers = [
                asyncio.create_task(self._work(create, key, slots, waiting, replies))
                for _ in range(min(len(requests), self._max_in_flight))
            ]
            try:
                for _ in requests:
                    yield await replies.get()
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    @property
    def _max_in_flight(self) -> int:
        return min(self._config.max_in_flight, MAX_CONNECTIONS)

    def _slots_of_this_loop(self) -> asyncio.Semaphore:
        """A semaphore belongs to one event loop, and every part of a run has its own loop."""
        for closed in [loop for loop in self._slots if loop.is_closed()]:
            del self._slots[closed]
        return self._slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._max_in_flight))

    def check_key(self) -> str:
        """The key; empty where none is needed. Raises `ConfigError` where it is missing or malformed."""
        variable = self._config.key_variable
        key = os.environ.get(variable, "").strip()
        if not key and not self._address.private:
            raise ConfigError(
                f"environment variable {variable} is empty; {self._address.host} needs a key: set it for every worker, "
                "or name another variable in model.key_variable"
            )
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ConfigError(
                f"environment variable {variable} holds no key: it has spaces or characters that are not ASCII; set it "
                "to the key alone"
            )
        return key

    def _connect(self, key: str) -> "AsyncOpenAI":
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        try:
            return AsyncOpenAI(
                api_key=key or _NO_KEY,
                # Set explicitly, so that a header from the package's own environment variables cannot override it.
                default_headers={"Authorization": f"Bearer {key or _NO_KEY}"},
                base_url=self._address.url,
                max_retries=0,
                timeout=self._config.timeout_seconds,
                # A proxy cannot reach this machine's own ports. A redirect could send the key and images elsewhere.
                http_client=DefaultAsyncHttpxClient(trust_env=not self._address.loopback, follow_redirects=False),
            )
        except (ImportError, ValueError) as error:
            reason = one_line(str(error), key)
            raise ConfigError(f"cannot connect to {self._address.host}: {reason}; check the proxy variables") from None

    async def _work(
        self,
        create: Create,
        key: str,
        slots: asyncio.Semaphore,
        waiting: Iterator[ChatRequest],
        replies: "asyncio.Queue[ChatReply]",
    ) -> None:
        """Answer requests until none is left."""
        for request in waiting:
            async with slots:
                reply = await self._ask(create, key, request)
            replies.put_nowait(reply)

    async def _ask(self, create: Create, key: str, request: ChatRequest) -> ChatReply:
        """The reply to one request, which is sent again up to `max_retries` times; it keeps its slot while it waits."""
        try:
            body = await asyncio.to_thread(write_request, request, self._config.name)
        except Exception as error:  # whatever reading an image raises becomes this request's error
            reason = one_line(f"{type(error).__name__}: {error}", key)
            return ChatReply(id=request.id, error=f"the request cannot be made: {reason}", attempts=0)
        attempt = 0
        while True:
            attempt += 1
            outcome = await self._send(create, key, request.id, body)
            if isinstance(outcome, ChatReply):
                return replace(outcome, attempts=attempt)
            if not outcome.again or attempt > self._config.max_retries:
                return ChatReply(id=request.id, error=outcome.reason, attempts=attempt)
            await asyncio.sleep(self._backoff.pause(attempt, outcome.wait))

    async def _send(self, create: Create, key: str, id: str, body: dict[str, Any]) -> ChatReply | Failure:
        """One attempt. The time-out covers all of it, so a server that sends a byte a minute does not hold a slot."""
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        seconds = self._config.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                answer = await create(**body)
        except (TimeoutError, APITimeoutError):
            return Failure(f"no answer within {seconds:g} s; raise timeout_seconds or lower max_in_flight", again=True)
        except APIStatusError as error:
            return self._failure(error.status_code, error.response.text, error.response.headers.get("retry-after"), key)
        except APIConnectionError as error:
            cause = error.__cause__ or error
            reason = one_line(f"{type(cause).__name__} {cause}", key)
            return Failure(f"connection to {self._address.host} failed: {reason}; is the endpoint up?", again=True)
        except Exception as error:  # an error that escaped here would leave `chat` waiting for this reply for ever
            return Failure(f"the request cannot be sent: {one_line(f'{type(error).__name__}: {error}', key)}")
        return read_answer(id, answer.text, key)

    def _failure(self, status: int, body: str, retry_after: str | None, key: str) -> Failure:
        """The failure for an HTTP status other than success."""
        hint = _HINTS.get(status, "see the endpoint's log")
        if 300 <= status < 400:
            hint = "redirects are not followed: set base_url to the endpoint's own address"
        hint = hint.format(key_variable=self._config.key_variable, name=self._config.name)
        retried = status in _RETRIED or status >= 500
        return Failure(f"HTTP {status}: {read_message(body, key)}; {hint}", retried, read_retry_after(retry_after))


def check_endpoint(setting: str, model: ModelConfig, *, remote: bool) -> None:
    """Raise `ConfigError` if there is no address, or if this machine sends the requests and has no key."""
    if not model.base_url:
        raise ConfigError(f"{setting}.base_url is empty: openai needs an address, http://127.0.0.1:8000/v1")
    chat = OpenAIChat(model)
    if not remote:
        chat.check_key()


BACKEND = Backend(open=OpenAIChat, check=check_endpoint, packages=("openai",), runs="elsewhere")

"""The openai backend against a real HTTP server: late, out of order, overloaded and broken."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from captioning.backends import BACKENDS
from captioning.backends.backoff import Backoff
from captioning.backends.openai import OpenAIChat
from captioning.chat import ChatReply, ChatRequest, ImageBytes, Message
from schemas.errors import ConfigError
from schemas.model_config import ModelConfig
from tests.chat_server import ask, ask_one, chat_at, collect, completion, echo, question, serving


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_it_is_registered() -> None:
    chat = BACKENDS["openai"].open(ModelConfig(name="m", base_url="http://127.0.0.1:1/v1"), 2)
    assert (chat.name, chat.model) == ("openai", "m at 127.0.0.1:1")


def test_replies_come_as_they_are_ready_and_carry_their_own_ids() -> None:
    async def later_first(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        await asyncio.sleep(0.6 - 0.05 * int(prompt.split()[-1]))
        return completion(prompt)

    with serving(later_first) as server:
        replies = ask(chat_at(server), *(question(str(index)) for index in range(12)))
    assert [reply.id for reply in replies] == [str(index) for index in reversed(range(12))]
    assert all(
        reply == ChatReply(id=reply.id, text=f"say {reply.id}", prompt_tokens=7, completion_tokens=3)
        for reply in replies
    )


def test_never_more_in_flight_than_allowed_over_all_calls_of_one_object() -> None:
    async def slow(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        await asyncio.sleep(0.03)
        return completion(prompt) if before else web.json_response({"error": "busy"}, status=503)

    async def both(chat: OpenAIChat) -> list[list[ChatReply]]:
        batches = ([question(f"{batch}{index}") for index in range(20)] for batch in "ab")
        return list(await asyncio.gather(*(collect(chat, batch) for batch in batches)))

    with serving(slow) as server:
        replies = [reply for batch in asyncio.run(both(chat_at(server, max_in_flight=5))) for reply in batch]
    assert server.most_open == 5
    assert len(replies) == 40
    assert {(reply.text, reply.attempts) for reply in replies} == {(f"say {reply.id}", 2) for reply in replies}


def test_one_object_works_in_one_event_loop_after_the_other() -> None:
    with serving(echo) as server:
        chat = chat_at(server, max_in_flight=2)
        for turn in range(3):
            replies = ask(chat, *(question(f"{turn}{index}") for index in range(6)))
            assert sorted(reply.text for reply in replies) == [f"say {turn}{index}" for index in range(6)]


def test_a_caller_that_stops_early_leaves_nothing_running() -> None:
    async def slow(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        await asyncio.sleep(0.0 if prompt == "say 0" else 30)
        return completion(prompt)

    async def first(chat: OpenAIChat) -> tuple[ChatReply, int]:
        replies = chat.chat([question(str(index)) for index in range(8)])
        reply = await anext(replies)
        await replies.aclose()  # type: ignore[attr-defined]
        return reply, len(asyncio.all_tasks())

    with serving(slow) as server:
        reply, tasks = asyncio.run(first(chat_at(server, timeout_seconds=60)))
    assert (reply.id, tasks) == ("0", 1)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(status: int) -> None:
    async def once(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        return completion(prompt) if before else web.json_response({"error": {"message": "not now"}}, status=status)

    reply, server = ask_one(once)
    assert (reply.text, reply.error, reply.attempts, len(server.bodies)) == ("say a", None, 2, 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_will_not_pass_is_not(status: int) -> None:
    async def never(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        body = {"error": {"message": "no\nsuch  thing " + "x" * 500, "code": status}}
        return web.json_response(body, status=status, headers={"x-should-retry": "true"})

    reply, server = ask_one(never)
    assert reply.error is not None
    assert reply.error.startswith(f"HTTP {status}: no such thing xxx")
    assert len(reply.error) < 350
    assert "\n" not in reply.error
    assert (reply.text, reply.attempts, len(server.bodies)) == ("", 1, 1)


def test_a_server_that_never_recovers_is_given_up_after_max_retries() -> None:
    async def broken(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        return web.json_response({"object": "error", "message": "engine is dead"}, status=500)

    reply, server = ask_one(broken, max_retries=3)
    assert reply.error == "HTTP 500: engine is dead; see the endpoint's log"
    assert (reply.attempts, len(server.bodies)) == (4, 4)


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_kept_to(as_date: bool) -> None:
    times: list[float] = []

    async def busy(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        times.append(time.monotonic())
        # Dates have whole seconds.
        wish = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True) if as_date else "1"
        return completion(prompt) if before else web.Response(status=429, headers={"Retry-After": wish})

    with serving(busy) as server:
        config = ModelConfig(name="made", base_url=server.base_url)
        (reply,) = ask(OpenAIChat(config, backoff=Backoff(first=0.01, longest_asked=10)), question("a"))
    assert (reply.text, reply.attempts) == ("say a", 2)
    assert (1.9 if as_date else 1.0) <= times[1] - times[0] < 6


def test_retry_after_is_bounded() -> None:
    async def busy(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        return completion(prompt) if before else web.Response(status=503, headers={"Retry-After": "86400"})

    reply, _ = ask_one(busy)
    assert (reply.text, reply.attempts) == ("say a", 2)


async def cut(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
    """A connection that ends in the middle of the body."""
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"choices": [{"message": {"content": "half an ans')
    assert request.transport is not None
    request.transport.abort()
    return response


async def hang(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
    """A body that comes letter by letter and never ends."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for _ in range(600):
        await response.write(b" ")
        await asyncio.sleep(0.05)
    return response


async def page(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
    return web.Response(text="<html>\n<h1>Sign in</h1></html>", content_type="text/html")


async def no_choices(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
    return web.json_response({"choices": [], "error": {"message": "upstream is away"}})


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (cut, "failed: "),
        (hang, "no answer within 0.4 s; raise timeout_seconds"),
        (page, "HTTP 200 without JSON: <html> <h1>Sign in</h1></html>;"),
        (no_choices, "HTTP 200 without an answer: upstream is away;"),
    ],
)
def test_a_broken_answer_is_asked_for_again_and_then_an_error(trouble: object, message: str) -> None:
    async def once(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        return completion(prompt) if before else await trouble(request, prompt, before)  # type: ignore[operator]

    reply, _ = ask_one(once, timeout_seconds=0.4)
    assert (reply.text, reply.error, reply.attempts) == ("say a", None, 2)
    reply, server = ask_one(trouble, timeout_seconds=0.4, max_retries=1)
    assert reply.error is not None
    assert message in reply.error
    assert (reply.text, reply.attempts, len(server.bodies)) == ("", 2, 2)


def test_nobody_there() -> None:
    with serving(echo) as server:
        chat = chat_at(server, max_retries=1)
    (reply,) = ask(chat, question("a"))
    assert reply.error is not None
    assert "is the endpoint up?" in reply.error
    assert reply.attempts == 2


def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/v1/chat/completions"})

    reply, server = ask_one(elsewhere)
    assert reply.error is not None
    assert "set base_url to the endpoint's own address" in reply.error
    assert len(server.bodies) == 1


def test_one_bad_request_spoils_no_other() -> None:
    async def some(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        return web.json_response({"detail": "too long"}, status=400) if prompt == "say 3" else completion(prompt)

    with serving(some) as server:
        replies = {reply.id: reply for reply in ask(chat_at(server), *(question(str(index)) for index in range(8)))}
    assert replies["3"].error is not None
    assert {key: reply.text for key, reply in replies.items() if key != "3"} == {
        str(index): f"say {index}" for index in range(8) if index != 3
    }


@pytest.mark.parametrize("settings", [{"name": "m"}, {"base_url": "http://127.0.0.1:8000/v1"}])
def test_a_missing_setting_is_named(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"model\.(name|base_url) is empty"):
        OpenAIChat(ModelConfig.model_validate(settings))


class Shelf:
    """Pictures that say how many were read."""

    def __init__(self) -> None:
        self.read = 0


class ShelvedPicture:
    """A picture that is read late, or cannot be read."""

    def __init__(self, key: str, shelf: Shelf, data: bytes) -> None:
        self.key, self._shelf, self._data = key, shelf, data

    def read(self) -> bytes:
        """The bytes; none means that the store is broken."""
        if not self._data:
            raise OSError("the store is away")
        self._shelf.read += 1
        return self._data


def test_pictures_are_read_when_their_request_leaves() -> None:
    shelf = Shelf()
    read_at: list[int] = []

    async def answer(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        read_at.append(shelf.read)
        await asyncio.sleep(0.02)
        return completion(prompt)

    def showing(id: str, *data: bytes) -> ChatRequest:
        pictures = tuple(ShelvedPicture(f"{id}{index}", shelf, encoded) for index, encoded in enumerate(data))
        return ChatRequest(id=id, messages=(Message("user", f"say {id}", pictures),), max_tokens=8)

    requests = [showing(str(index), b"\xff\xd8 jpeg") for index in range(12)]
    requests += [showing("both", b"\xff\xd8", b"\x89PNG"), showing("lost", b"")]
    with serving(answer) as server:
        replies = {reply.id: reply for reply in ask(chat_at(server, max_in_flight=2), *requests)}
    assert all(read <= sent + 3 for sent, read in enumerate(read_at, 1))
    assert replies["lost"].error == "the request cannot be made: OSError: the store is away"
    assert replies["lost"].attempts == 0
    assert len(server.bodies) == 13
    (body,) = [body for body in server.bodies if body["messages"][0]["content"][-1]["text"] == "say both"]
    kinds = [part["image_url"]["url"].split(",")[0] for part in body["messages"][0]["content"][:2]]
    assert kinds == ["data:image/jpeg;base64", "data:image/png;base64"]


def test_decoding_options_and_schema_are_sent() -> None:
    schema = {"type": "object", "properties": {"subject": {"type": "string"}}}
    warm = question("warm", temperature=0.4, seed=3, schema=json.dumps(schema))
    with serving(echo) as server:
        ask(chat_at(server), question("greedy"), warm)
    bodies = {body["messages"][0]["content"]: body for body in server.bodies}
    greedy = bodies["say greedy"]
    assert (greedy["temperature"], greedy["max_tokens"], greedy["model"]) == (0.0, 32, "made")
    assert not {"seed", "response_format"} & set(greedy)
    assert (bodies["say warm"]["temperature"], bodies["say warm"]["seed"]) == (0.4, 3)
    assert bodies["say warm"]["response_format"]["json_schema"]["schema"] == schema
    picture = ImageBytes("p", b"\xff\xd8")
    assert "xff" not in repr(picture)


def test_a_schema_that_is_no_json_is_an_error_reply() -> None:
    with serving(echo) as server:
        (reply,) = ask(chat_at(server), question("a", schema="{"))
    assert reply.error is not None
    assert "the request cannot be made" in reply.error


@pytest.mark.parametrize("revision", ["", "2026-11-01"])
def test_lineage_tells_deployments_apart_and_holds_no_address_once_there_is_a_revision(revision: str) -> None:
    chat = OpenAIChat(ModelConfig(name="m", revision=revision, base_url="http://10.0.0.7:8000/v1"))
    assert chat.model == (f"m {revision}" if revision else "m at 10.0.0.7:8000")

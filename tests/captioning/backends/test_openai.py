"""The openai backend against a real HTTP server: late, out of order, overloaded, broken, and telling keys."""

import asyncio
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from captioning.backends import BACKENDS
from captioning.backends.backoff import Backoff
from captioning.backends.openai import OpenAIChat
from captioning.chat import ChatReply, ChatRequest, Message, PictureBytes
from schemas.errors import ConfigError
from schemas.model_config import ModelConfig
from tests.chat_server import ChatServer, completion, serving

FAST = Backoff(first=0.01, longest=0.05, longest_asked=0.3)
KEY = "sk-made-up/0123456789"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def chat_at(server: ChatServer, **settings: object) -> OpenAIChat:
    given = {"name": "made", "base_url": server.base_url, "timeout_seconds": 5, "max_retries": 2, **settings}
    return OpenAIChat(ModelConfig.model_validate(given), 1, backoff=FAST)


def question(id: str, text: str = "", **options: object) -> ChatRequest:
    return ChatRequest(id=id, messages=(Message("user", text or f"say {id}"),), max_tokens=32, **options)  # type: ignore[arg-type]


async def _collect(chat: OpenAIChat, requests: list[ChatRequest]) -> list[ChatReply]:
    return [reply async for reply in chat.chat(requests)]


def ask(chat: OpenAIChat, *requests: ChatRequest) -> list[ChatReply]:
    return asyncio.run(_collect(chat, list(requests)))


async def echo(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
    return completion(prompt)


def ask_one(answer: object, **settings: object) -> tuple[ChatReply, ChatServer]:
    """The reply to one question at a server that answers like this."""
    with serving(answer) as server:  # type: ignore[arg-type]
        (reply,) = ask(chat_at(server, **settings), question("a"))
    return reply, server


def test_it_is_registered() -> None:
    chat = BACKENDS["openai"](ModelConfig(name="m", base_url="http://127.0.0.1:1/v1"), 2)
    assert (chat.name, chat.model) == ("openai", "m at 127.0.0.1:1")


def test_replies_come_as_they_are_ready_and_carry_their_own_ids() -> None:
    async def later_first(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        await asyncio.sleep(0.6 - 0.05 * int(prompt.split()[-1]))
        return completion(prompt)

    with serving(later_first) as server:
        replies = ask(chat_at(server), *(question(str(place)) for place in range(12)))
    assert [reply.id for reply in replies] == [str(place) for place in reversed(range(12))]
    assert all(
        reply == ChatReply(id=reply.id, text=f"say {reply.id}", prompt_tokens=7, completion_tokens=3)
        for reply in replies
    )


def test_never_more_in_flight_than_allowed_over_all_calls_of_one_object() -> None:
    async def slow(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        await asyncio.sleep(0.03)
        return completion(prompt) if before else web.json_response({"error": "busy"}, status=503)

    async def both(chat: OpenAIChat) -> list[list[ChatReply]]:
        batches = ([question(f"{batch}{place}") for place in range(20)] for batch in "ab")
        return list(await asyncio.gather(*(_collect(chat, batch) for batch in batches)))

    with serving(slow) as server:
        replies = [reply for batch in asyncio.run(both(chat_at(server, max_in_flight=5))) for reply in batch]
    assert server.most_open == 5
    assert len(replies) == 40
    assert {(reply.text, reply.attempts) for reply in replies} == {(f"say {reply.id}", 2) for reply in replies}


def test_one_object_works_in_one_event_loop_after_the_other() -> None:
    with serving(echo) as server:
        chat = chat_at(server, max_in_flight=2)
        for turn in range(3):
            replies = ask(chat, *(question(f"{turn}{place}") for place in range(6)))
            assert sorted(reply.text for reply in replies) == [f"say {turn}{place}" for place in range(6)]


def test_a_caller_that_stops_early_leaves_nothing_running() -> None:
    async def slow(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        await asyncio.sleep(0.0 if prompt == "say 0" else 30)
        return completion(prompt)

    async def first(chat: OpenAIChat) -> tuple[ChatReply, int]:
        replies = chat.chat([question(str(place)) for place in range(8)])
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
    ("trouble", "said"),
    [
        (cut, "failed: "),
        (hang, "no answer within 0.4 s; raise timeout_seconds"),
        (page, "HTTP 200 without JSON: <html> <h1>Sign in</h1></html>;"),
        (no_choices, "HTTP 200 without an answer: upstream is away;"),
    ],
)
def test_a_broken_answer_is_asked_for_again_and_then_an_error(trouble: object, said: str) -> None:
    async def once(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        return completion(prompt) if before else await trouble(request, prompt, before)  # type: ignore[operator]

    reply, _ = ask_one(once, timeout_seconds=0.4)
    assert (reply.text, reply.error, reply.attempts) == ("say a", None, 2)
    reply, server = ask_one(trouble, timeout_seconds=0.4, max_retries=1)
    assert reply.error is not None
    assert said in reply.error
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
        replies = {reply.id: reply for reply in ask(chat_at(server), *(question(str(place)) for place in range(8)))}
    assert replies["3"].error is not None
    assert {key: reply.text for key, reply in replies.items() if key != "3"} == {
        str(place): f"say {place}" for place in range(8) if place != 3
    }


async def tell_the_key(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
    """A server that says whatever it was sent, in every place where it can."""
    said = request.headers["Authorization"]
    if prompt == "say text":
        return completion(f"your header is {said}")
    if prompt == "say refusal":
        return completion(None, refusal=f"not with {said}")
    if prompt == "say page":
        return web.Response(text=f"<html>{'x' * 180}{said}</html>")
    if prompt == "say cut":
        return web.json_response({"error": {"message": f"{'x' * 190}{said[7:]}"}}, status=400)
    return web.json_response({"error": {"message": f"bad header {said}", "key": said}}, status=int(prompt.split()[-1]))


def test_the_key_is_told_to_the_endpoint_and_to_nobody_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MADE_UP_KEY", f"{KEY}\n")
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "sk-of-somebody-else")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-of-somebody-else")
    caplog.set_level(logging.DEBUG)
    questions = [question(name) for name in ("text", "refusal", "page", "cut", "400", "401", "500")]
    with serving(tell_the_key) as server:
        chat = chat_at(server, key_variable="MADE_UP_KEY")
        replies = ask(chat, *questions)
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    assert not any("sk-of-somebody-else" in str(headers) for headers in server.headers)
    assert all(reply.error and not reply.text for reply in replies)
    captured = capfd.readouterr()
    everything = [
        *map(repr, replies),
        repr(chat),
        repr(vars(chat)),
        chat.model,
        caplog.text,
        captured.out,
        captured.err,
    ]
    for fragment in (KEY, KEY[:8], "0123456"):
        assert [text for text in everything if fragment in text] == []
    (error,) = [reply.error for reply in replies if reply.id == "401"]
    assert error == "HTTP 401: bad header Bearer ***; check the key in the environment variable MADE_UP_KEY"


def test_without_a_key_only_private_endpoints_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    reply, server = ask_one(echo)
    assert reply.text == "say a"
    assert server.headers[0]["Authorization"] == "Bearer none"
    away = OpenAIChat(ModelConfig(name="m", base_url="https://models.example.com/v1", key_variable="MADE_UP_KEY"))
    with pytest.raises(ConfigError, match=r"environment variable MADE_UP_KEY is empty; models.example.com needs a key"):
        ask(away, question("a"))
    monkeypatch.setenv("MADE_UP_KEY", "two words")
    with pytest.raises(ConfigError, match="holds no key") as caught:
        ask(away, question("a"))
    assert "two words" not in str(caught.value)


@pytest.mark.parametrize("settings", [{"name": "m"}, {"base_url": "http://127.0.0.1:8000/v1"}])
def test_a_missing_setting_is_named(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"model\.(name|base_url) is empty"):
        OpenAIChat(ModelConfig.model_validate(settings))


def test_a_proxy_is_not_asked_for_this_machines_own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    reply, _ = ask_one(echo)
    assert reply.text == "say a"


def test_a_proxy_is_asked_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(echo) as proxy:
        monkeypatch.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))
        config = ModelConfig(name="m", base_url="http://models.example.com/v1", max_retries=0)
        (reply,) = ask(OpenAIChat(config), question("a"))
    assert reply.text == "say a"
    assert proxy.headers[0]["Host"] == "models.example.com"


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

    async def look(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
        read_at.append(shelf.read)
        await asyncio.sleep(0.02)
        return completion(prompt)

    def showing(id: str, *data: bytes) -> ChatRequest:
        pictures = tuple(ShelvedPicture(f"{id}{place}", shelf, one) for place, one in enumerate(data))
        return ChatRequest(id=id, messages=(Message("user", f"say {id}", pictures),), max_tokens=8)

    requests = [showing(str(place), b"\xff\xd8 jpeg") for place in range(12)]
    requests += [showing("both", b"\xff\xd8", b"\x89PNG"), showing("lost", b"")]
    with serving(look) as server:
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
    picture = PictureBytes("p", b"\xff\xd8")
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

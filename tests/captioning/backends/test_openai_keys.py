"""The endpoint's key and the environment's proxies: who is told what. The server here says all that it was sent."""

import logging

import pytest
from aiohttp import web

from captioning.backends.openai import OpenAIChat
from schemas.errors import ConfigError
from schemas.model_config import ModelConfig
from tests.chat_server import ask, ask_one, chat_at, completion, echo, question, serving

KEY = "sk-made-up/0123456789"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


async def tell_the_key(request: web.Request, prompt: str, before: int) -> web.StreamResponse:
    """A server that says whatever it was sent, in every place where it can."""
    header = request.headers["Authorization"]
    if prompt == "say text":
        return completion(f"your header is {header}")
    if prompt == "say refusal":
        return completion(None, refusal=f"not with {header}")
    if prompt == "say page":
        return web.Response(text=f"<html>{'x' * 180}{header}</html>")
    if prompt == "say cut":
        return web.json_response({"error": {"message": f"{'x' * 190}{header[7:]}"}}, status=400)
    return web.json_response(
        {"error": {"message": f"bad header {header}", "key": header}}, status=int(prompt.split()[-1])
    )


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

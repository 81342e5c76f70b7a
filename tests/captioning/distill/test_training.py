"""Real trainings of a few steps on random networks: the loss falls, the folder loads again and says all about it."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from captioning.backends.packaged import DEFAULT_CACHE, unpacked
from captioning.backends.transformers import TransformersChat
from captioning.chat import ChatReply, ChatRequest, ImageBytes, Message
from captioning.distill.captioner import CAPTION_PROMPT, distill_captioner
from captioning.distill.folder import PROVENANCE, Provenance
from captioning.distill.lora import TrainingSet, fine_tune
from captioning.distill.pairs import ImagePair
from captioning.distill.prompt import FILE, TrainedPrompt, trained_prompt
from captioning.distill.settings import Settings
from captioning.distill.summariser import distill_summariser
from captioning.distill.synthetic_pairs import synthetic_pairs
from captioning.distill.synthetic_words import TRAINING
from schemas.errors import InputError, StageError
from schemas.model_config import ModelConfig
from tests.tiny_language import save_tiny_language
from tests.tiny_vision import save_tiny_vision

SETTINGS = Settings(rank=8, rate=2e-2, batch=4, epochs=4, checks_per_epoch=1, held_out_share=0.2)
MADE = Provenance(dataset="made", teachers=["a rule"], left_out={"the caption is a fallback": 3})
COLOURS = ("red", "green", "blue", "yellow", "black", "white")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def ask(folder: Path, message: Message) -> ChatReply:
    chat = TransformersChat(ModelConfig(name=str(folder)), 1)

    async def first() -> ChatReply:
        request = ChatRequest(id="one", messages=(message,), max_tokens=4)
        (reply,) = [reply async for reply in chat.chat([request])]
        return reply

    return asyncio.run(first())


def test_a_summariser_learns_and_its_folder_says_all(tmp_path: Path) -> None:
    base = save_tiny_language(tmp_path / "base", unpacked(DEFAULT_CACHE))
    notices: list[tuple[int, float | None, float | None]] = []
    out = tmp_path / "students" / "one"
    losses = distill_summariser(
        synthetic_pairs(24, TRAINING, 0), base, out, SETTINGS, MADE, lambda *notice: notices.append(notice)
    )
    assert min(loss for _, loss in losses.held_out) < 0.9 * losses.held_out[0][1]
    assert losses.learned[-1] < losses.learned[0]
    assert sum(steps for steps, _, _ in notices) == len(losses.learned)
    assert trained_prompt(out) == TrainedPrompt()
    record = json.loads((out / PROVENANCE).read_text())
    assert record["pairs"]["learned"] + record["pairs"]["held_out"] == 24
    assert set(record["sources"]["learned"]).isdisjoint(record["sources"]["held_out"])
    assert record["left_out"] == {"the caption is a fallback": 3}
    assert record["base"].startswith("base@")
    assert record["prompt_hash"] == TrainedPrompt().prompt_hash
    assert [path.name for path in out.parent.iterdir()] == ["one"], "no scratch is left behind"
    assert ask(out, Message("user", "A cat. Then a dog.")).completion_tokens == 4
    with pytest.raises(InputError, match="is there already"):
        distill_summariser(synthetic_pairs(6, TRAINING, 0), base, out, SETTINGS, MADE, lambda *notice: None)


def test_a_captioner_learns_what_pictures_show(tmp_path: Path) -> None:
    base = save_tiny_vision(tmp_path / "base", unpacked(DEFAULT_CACHE))
    pairs = [
        ImagePair(sample_id=f"{source}-{colour}", source=str(source), caption=f"A {colour} wall in even light.",
                    images=(_picture(colour),) * (1 + source % 2))
        for source in range(4)
        for colour in COLOURS
    ]  # fmt: skip
    losses = distill_captioner(pairs, base, tmp_path / "student", SETTINGS, MADE, lambda *notice: None)
    assert min(loss for _, loss in losses.held_out) < 0.8 * losses.held_out[0][1]
    assert json.loads((tmp_path / "student" / FILE).read_text())["prompt"] == CAPTION_PROMPT
    reply = ask(tmp_path / "student", Message("user", CAPTION_PROMPT, (_picture("red"),)))
    assert reply.error is None
    assert reply.completion_tokens > 0


def test_it_stops_when_nothing_is_gained_and_keeps_the_best() -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                         num_attention_heads=2, num_key_value_heads=2)  # fmt: skip
    model = LlamaForCausalLM(config)
    ids = torch.randint(0, 32, (1, 8))

    def material(answer: int) -> TrainingSet:
        labels = torch.full_like(ids, -100)
        labels[:, -1] = answer
        return TrainingSet([0], [8], lambda some: {"input_ids": ids, "labels": labels})

    settings = Settings(rate=5e-2, epochs=50, checks_per_epoch=1, patience=2)
    # What is learned contradicts what is held out, so soon every step makes it worse.
    student, losses = fine_tune(model, material(3), material(4), settings, lambda *notice: None)
    best = min(losses.held_out, key=lambda check: check[1])
    assert losses.best_step == best[0]
    assert len(losses.learned) == losses.best_step + settings.patience < 50
    loss = torch.nn.functional.cross_entropy(student(input_ids=ids).logits[:, -2], torch.tensor([4]))
    assert abs(float(loss) - best[1]) < 0.02
    assert losses.held_out[-1][1] > best[1] + 0.05, "the last weights are not the best"


def test_no_model_in_the_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="no language model can be loaded"):
        distill_summariser(
            synthetic_pairs(6, TRAINING, 0), tmp_path, tmp_path / "out", SETTINGS, MADE, lambda *notice: None
        )


def _picture(colour: str) -> ImageBytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(file, "JPEG")
    return ImageBytes(colour, file.getvalue())

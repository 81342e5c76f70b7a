"""Fine-tunes a vision model on a clip's stills and the dense caption that a teacher's long way round arrived at.

What CogVLM2-Caption is to CogVideoX: one model that goes from pictures to the dense caption at once. Its folder is a
vision model like any other, with `cutroom.json` saying what to ask it.

    just distill captioner datasets/footage --base models/SmolVLM2-500M-Video-Instruct
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from captioning.distill.examples import IGNORED
from captioning.distill.folder import Provenance, save_student
from captioning.distill.lora import Losses, Notify, TrainingSet, fine_tune
from captioning.distill.pairs import ImagePair, split_by_source
from captioning.distill.prompt import FILE
from captioning.distill.settings import Settings
from schemas.errors import StageError
from schemas.ids import digest

CAPTION_PROMPT = "Describe this clip in detail, in the order of time."
# The eyes stay as they are: what is learned is how to speak of what they see.
_FROZEN = r".*(vision|visual|image).*"


def distill_captioner(
    pairs: Sequence[ImagePair], base: Path, out: Path, settings: Settings, provenance: Provenance, notify: Notify
) -> Losses:
    """Teach the vision model in `base` what the pairs say and save it in `out`; contract as in `distill_summariser`."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    learned, held_out = split_by_source(pairs, settings.held_out_share, settings.seed)
    try:
        processor = AutoProcessor.from_pretrained(base, local_files_only=True)
        model = AutoModelForImageTextToText.from_pretrained(
            base, dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, ImportError) as error:
        raise StageError(f"no vision model can be loaded from {base}: {error}") from error
    processor.tokenizer.padding_side = "left"
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    student, losses = fine_tune(
        model,
        _training_set(learned, processor),
        _training_set(held_out[: settings.most_held_out], processor),
        settings,
        notify,
        frozen=_FROZEN,
    )
    prompt_hash = digest(CAPTION_PROMPT)
    record = provenance.with_training(settings, losses, learned, held_out, base=base, prompt_hash=prompt_hash)
    save_student(out, student, processor, record, _save_prompt)
    return losses


def _save_prompt(folder: Path) -> None:
    record = {"task": "caption", "prompt": CAPTION_PROMPT, "prompt_hash": digest(CAPTION_PROMPT)}
    (folder / FILE).write_text(json.dumps(record, indent=2) + "\n")


def _training_set(pairs: Sequence[ImagePair], processor: Any) -> TrainingSet:
    """Pairs with as many pictures go together: the sort is by pictures, then words."""
    lengths = [1000 * len(pair.images) + len(pair.caption.split()) for pair in pairs]
    return TrainingSet(pairs, lengths, lambda some: collate_images(some, processor))


def collate_images(pairs: Sequence[ImagePair], processor: Any) -> dict[str, torch.Tensor]:
    """What the processor makes of the conversations, with labels [pairs, tokens] for the captions' tokens only.

    The captions' tokens are told by counting from the end: all are padded on the left, so all end together.
    """
    end = processor.tokenizer.eos_token
    texts, answers = [], []
    for pair in pairs:
        words = {"type": "text", "text": CAPTION_PROMPT}
        content = [*[{"type": "image"}] * len(pair.images), words]
        chat = [{"role": "user", "content": content}]
        prompt = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        texts.append(f"{prompt}{pair.caption}{end}")
        answers.append(len(processor.tokenizer(f"{pair.caption}{end}", add_special_tokens=False)["input_ids"]))
    images = [[Image.open(io.BytesIO(image.read())).convert("RGB") for image in pair.images] for pair in pairs]
    encoded = processor(text=texts, images=images, padding=True, add_special_tokens=False, return_tensors="pt")
    labels = torch.full_like(encoded["input_ids"], IGNORED)
    for row, answer in enumerate(answers):
        labels[row, -answer:] = encoded["input_ids"][row, -answer:]
    return {**encoded, "labels": labels}

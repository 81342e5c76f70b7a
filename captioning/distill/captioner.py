"""Fine-tunes a vision model on samples' stills and the dense captions that a teacher pipeline wrote for them.

It is what CogVLM2-Caption is to CogVideoX: one model that goes directly from images to the dense caption. Its folder is
a vision model like any other, plus `cutroom.json` with the prompt that it was trained with.

    just distill captioner datasets/videos --base models/SmolVLM2-500M-Video-Instruct
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
from schemas.torchvision_pair import leave_out_broken_torchvision

CAPTION_PROMPT = "Describe this clip in detail, in the order of time."
# The vision tower is frozen: only the language model learns.
_FROZEN = r".*(vision|visual|image).*"


def distill_captioner(
    pairs: Sequence[ImagePair], base: Path, out: Path, settings: Settings, provenance: Provenance, notify: Notify
) -> Losses:
    """Fine-tune the vision model in `base` on the pairs and save it in `out`; contract as in `distill_summariser`."""
    leave_out_broken_torchvision()
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
    """The pairs as a training set; the lengths sort by number of images first, because a batch must have one number."""
    lengths = [1000 * len(pair.images) + len(pair.caption.split()) for pair in pairs]
    return TrainingSet(pairs, lengths, lambda some: collate_images(some, processor))


def collate_images(pairs: Sequence[ImagePair], processor: Any) -> dict[str, torch.Tensor]:
    """A batch of B conversations: the processor's tensors and `labels` [B, tokens], int64, -100 outside the captions.

    The captions' tokens are counted from the end: padding is on the left, so all captions end at the last position.
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

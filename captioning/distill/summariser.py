"""Fine-tunes a small language model on a teacher's summaries; the result is a model folder for `summarise`.

just distill summariser datasets/videos --base models/SmolLM2-360M-Instruct
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from captioning.distill.examples import collate, make_example
from captioning.distill.folder import Provenance, save_student
from captioning.distill.lora import Losses, Notify, TrainingSet, fine_tune
from captioning.distill.pairs import Pair, split_by_source
from captioning.distill.prompt import TrainedPrompt
from captioning.distill.settings import Settings
from schemas.errors import StageError
from schemas.torchvision_pair import leave_out_broken_torchvision


def distill_summariser(
    pairs: Sequence[Pair], base: Path, out: Path, settings: Settings, provenance: Provenance, notify: Notify
) -> Losses:
    """Fine-tune the model in `base` on the pairs and save it in `out`, with its prompt and its provenance.

    `notify` as in `fine_tune`. Raises `InputError` if the pairs come from one source only or `out` exists,
    `StageError` if `base` holds no instruct model.
    """
    import torch

    leave_out_broken_torchvision()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    learned, held_out = split_by_source(pairs, settings.held_out_share, settings.seed)
    try:
        tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            base, dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        raise StageError(f"no language model can be loaded from {base}: {error}") from error
    if not tokenizer.chat_template:
        raise StageError(f"{base} holds no chat template; distill an instruct model")
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    prompt = TrainedPrompt()
    student, losses = fine_tune(
        model,
        _training_set(learned, tokenizer, prompt),
        _training_set(held_out[: settings.most_held_out], tokenizer, prompt),
        settings,
        notify,
    )
    record = provenance.with_training(settings, losses, learned, held_out, base=base, prompt_hash=prompt.prompt_hash)
    save_student(out, student, tokenizer, record, prompt.save)
    return losses


def _training_set(pairs: Sequence[Pair], tokenizer: Any, prompt: TrainedPrompt) -> TrainingSet:
    examples = [make_example(tokenizer, prompt.messages(pair.captions), pair.summary) for pair in pairs]
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return TrainingSet(examples, [len(example.tokens) for example in examples], lambda some: collate(some, pad))

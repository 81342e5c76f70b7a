"""Summarises with any instruction-tuned language model that lies in a folder as transformers saves it.

The system prompt and the worked examples are the same for all clips, so their keys and values are computed once and
every batch starts behind them. Decoding is greedy: the same frame captions give the same words in every run.

    from captioning.summarisers.transformers_chat import ChatSummariser
    ChatSummariser(pathlib.Path("models/my-llm")).summarise([ClipRequest(clip_id="a", frame_captions=("A cat.",))])
"""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from captioning.joining import distinct, join
from captioning.prompts import SUMMARY_EXAMPLES, SUMMARY_PROMPT
from captioning.protocols import ClipReply, ClipRequest
from captioning.summarisers.finish import finish, joined
from schemas.errors import ConfigError, StageError
from schemas.ids import digest

ONE_CAPTION = "one distinct frame caption, nothing to merge"


class ChatSummariser:
    """Asks the model in `folder` for one paragraph per clip, in batches, on the CPU in fp32.

    `threads` is the number of CPU threads (None: torch decides; it is a setting of the whole process) and `batch` the
    clips per forward pass. A text is cut at `max_new_tokens`, or where it grows longer than its notes. Raises
    `StageError` if the folder holds no model, `ConfigError` if a number is below 1.
    """

    name = "transformers_chat"

    def __init__(
        self,
        folder: Path,
        *,
        model: str | None = None,
        prompt: str = SUMMARY_PROMPT,
        examples: Sequence[tuple[Sequence[str], str]] = SUMMARY_EXAMPLES,
        threads: int | None = None,
        batch: int = 16,
        max_new_tokens: int = 96,
    ) -> None:
        for setting, value in (("threads", threads), ("batch", batch), ("max_new_tokens", max_new_tokens)):
            if value is not None and value < 1:
                raise ConfigError(f"summariser: {setting} is {value}, but must be at least 1")
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if threads:
            torch.set_num_threads(threads)
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left", local_files_only=True)
            loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        except (OSError, ValueError) as error:
            raise StageError(f"no language model can be loaded from {folder}: {error}") from error
        self._model: Any = loaded.eval()
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self.model = model or folder.name
        self.prompt_hash = digest(prompt, [[list(captions), text] for captions, text in examples])
        self._batch, self._max_new_tokens = batch, max_new_tokens
        self._chat = _worked_examples(prompt, examples)
        self._prefix, self._prefix_cache = self._read_prefix()

    def summarise(self, requests: Sequence[ClipRequest]) -> list[ClipReply]:
        """Return one reply per clip; where the frame captions say one thing only, the model is not asked."""
        several = [request for request in requests if len(distinct(request.frame_captions)) > 1]
        # By length, so that a batch holds little padding, and the same clips share it in whatever order they came.
        several.sort(key=lambda request: (len(join(request.frame_captions)), request.clip_id))
        written = {
            request.clip_id: text
            for group in _groups(several, self._batch)
            for request, text in zip(group, self._write([_notes(one.frame_captions) for one in group]), strict=True)
        }
        return [
            finish(request, written[request.clip_id]) if request.clip_id in written else joined(request, ONE_CAPTION)
            for request in requests
        ]

    def _read_prefix(self) -> tuple[str, Any]:
        """Render what all prompts start with, and compute the keys and values of its tokens once."""
        import torch

        first, second = self._render("1"), self._render("2")
        length = next((at for at, (one, other) in enumerate(zip(first, second, strict=False)) if one != other), 0)
        # Up to the last line break, so that the tokens of the prefix never merge with those that follow.
        prefix = first[: first.rfind("\n", 0, length) + 1]
        if not prefix:
            return "", None
        with torch.inference_mode():
            return prefix, self._model(**self._encode([prefix]), use_cache=True).past_key_values

    def _write(self, notes: Sequence[str]) -> list[str]:
        """Return the model's text for each of the notes, decoded greedily up to its end mark."""
        import torch

        inputs = self._encode([self._render(one).removeprefix(self._prefix) for one in notes])
        # A summary is no longer than its notes; what goes on has fallen into a loop. Each text has its own limit, so
        # that it does not depend on which others share the batch.
        limits = [min(self._max_new_tokens, int(length)) for length in inputs["attention_mask"].sum(dim=1)]
        cache = None
        if self._prefix_cache is not None:
            cache = copy.deepcopy(self._prefix_cache)
            cache.batch_repeat_interleave(len(notes))
            before = self._encode([self._prefix] * len(notes))
            inputs = {key: torch.cat([before[key], inputs[key]], dim=1) for key in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            tokens = self._model.generate(
                **inputs,
                past_key_values=cache,
                max_new_tokens=max(limits),
                do_sample=False,
                pad_token_id=self._tokenizer.pad_token_id,
            )
        start = inputs["input_ids"].shape[1]
        return [
            str(self._tokenizer.decode(row[start : start + limit], skip_special_tokens=True))
            for row, limit in zip(tokens, limits, strict=True)
        ]

    def _render(self, notes: str) -> str:
        messages = [*self._chat, {"role": "user", "content": notes}]
        text: str = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text

    def _encode(self, texts: Sequence[str]) -> dict[str, Any]:
        encoded = self._tokenizer(list(texts), return_tensors="pt", padding=True, add_special_tokens=False)
        return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}


def _worked_examples(prompt: str, examples: Sequence[tuple[Sequence[str], str]]) -> list[dict[str, str]]:
    chat = [{"role": "system", "content": prompt}]
    for captions, text in examples:
        chat += [{"role": "user", "content": _notes(captions)}, {"role": "assistant", "content": text}]
    return chat


def _notes(captions: Sequence[str]) -> str:
    # Told in order already, so that a small model need only smooth it: from a list it copies one line and drops others.
    return join(captions)


def _groups(requests: Sequence[ClipRequest], size: int) -> Iterator[Sequence[ClipRequest]]:
    return (requests[at : at + size] for at in range(0, len(requests), size))

"""Runs a language or vision model in this process with transformers: on the GPU in bfloat16, else on the CPU in fp32.

    caption:
      captioner: transformers
      model: {name: models/Qwen2.5-VL-3B-Instruct, batch: 8}

Whether a model is a language or a vision model is read from its `config.json`. Answers are greedy at temperature 0 and
do not depend on the order or the batch of the requests, up to rounding: batches of another shape differ in the last
bits, which could decide a tie. A `schema` is not enforced here (that needs another library): the prompt has to ask for
the format, and the reader of the answer is lenient.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from captioning.backends.base import Backend
from captioning.backends.folders import check_folder
from captioning.chat import ChatReply, ChatRequest, Message, check_ids
from captioning.checkpoints import model_identity
from captioning.thinking import opens_thinking, strip_thinking
from schemas.errors import ConfigError, StageError
from schemas.model_config import ModelConfig
from schemas.torchvision_pair import leave_out_broken_torchvision


class _Prompts(Protocol):
    def prepare(self, requests: Sequence[ChatRequest], size: int) -> Iterator[Any]: ...

    def render(self, messages: Sequence[Message]) -> str: ...

    def decode(self, tokens: Sequence[int]) -> str: ...


class TransformersChat:
    """The model in the folder (or with the hub name) `config.name`, with `config.batch` requests per forward pass.

    `threads` is the number of CPU threads, a setting of the whole process. `model` overrides the model's name in
    lineage, which is the folder's name with a content hash, or the hub name with its revision. Raises `ConfigError` for
    an empty name or no threads, `StageError` if the model cannot be loaded.
    """

    name = "transformers"

    def __init__(self, config: ModelConfig, threads: int, *, model: str = "") -> None:
        if not config.name:
            raise ConfigError("model.name is empty; transformers needs the folder (or hub name) of a model")
        if threads < 1:
            raise ConfigError(f"threads is {threads}, but must be at least 1")
        import torch

        torch.set_num_threads(threads)
        self._batch = config.batch
        try:
            self._model, self._prompts, self._pad = _load(config)
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise StageError(f"no chat model can be loaded from {config.name}: {error}") from error
        self.model = model or _lineage(config, self._model)
        self._opened = opens_thinking(self._prompts.render((Message("user", "1"),)))

    async def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
        """Yield one reply per request, batch by batch."""
        from captioning.backends.decoding import Batch, decode

        check_ids(requests)
        for prepared in self._prompts.prepare(requests, self._batch):
            if not isinstance(prepared, Batch):
                yield prepared
                continue
            generations = decode(self._model, prepared, self._pad)
            for request, generation in zip(prepared.requests, generations, strict=True):
                reply = ChatReply(
                    id=request.id,
                    text=self._prompts.decode(generation.tokens),
                    finish_reason="stop" if generation.ended else "length",
                    prompt_tokens=generation.prompt_tokens,
                    completion_tokens=len(generation.tokens) + generation.ended,
                )
                yield strip_thinking(reply, opened=self._opened)


def _load(config: ModelConfig) -> tuple[Any, _Prompts, int]:
    """The model, the class that prepares its prompts, and the id of its padding token."""
    import torch

    leave_out_broken_torchvision()
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as VISION
    from transformers.utils import logging

    from captioning.backends.image_prompts import ImagePrompts
    from captioning.backends.text_prompts import TextPrompts

    logging.disable_progress_bar()  # loading takes a second, and the stage has its own progress bar
    # A folder's revision is only a name for lineage; a hub model's revision says which one to fetch.
    local = Path(config.name).expanduser().is_dir()
    source = str(Path(config.name).expanduser()) if local else config.name
    options: dict[str, Any] = {"local_files_only": True} if local else {"revision": config.revision or "main"}
    gpu = torch.cuda.is_available()
    model_options = {"dtype": torch.bfloat16 if gpu else torch.float32, "use_safetensors": True, **options}
    prompts: _Prompts
    if AutoConfig.from_pretrained(source, **options).model_type in VISION:
        model = AutoModelForImageTextToText.from_pretrained(source, **model_options)
        processor = AutoProcessor.from_pretrained(source, **options)
        tokenizer, template = processor.tokenizer, processor.chat_template or processor.tokenizer.chat_template
    else:
        model = AutoModelForCausalLM.from_pretrained(source, **model_options)
        processor, tokenizer = None, AutoTokenizer.from_pretrained(source, **options)
        template = tokenizer.chat_template
    if not template:
        raise ValueError("it has no chat template, so it is no chat model")
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = model.to("cuda" if gpu else "cpu").eval()
    pad = int(tokenizer.pad_token_id)
    prompts = ImagePrompts(model, processor) if processor else TextPrompts(model, tokenizer, pad)
    return model, prompts, pad


def _lineage(config: ModelConfig, model: Any) -> str:
    fetched = str(getattr(model.config, "_commit_hash", None) or "unknown")
    return model_identity(config.name, config.revision or fetched)


def check_model(setting: str, model: ModelConfig, *, remote: bool) -> None:
    """Raise `ConfigError` unless the model is a folder with safetensors: hub names are not fetched here."""
    if not Path(model.name, "config.json").is_file():
        raise ConfigError(f"{setting}.name = {model.name!r}: no folder of a Hugging Face model (config.json)")
    check_folder(setting, model.name, ("*.safetensors",))


BACKEND = Backend(open=TransformersChat, check=check_model, packages=("transformers", "torch"), runs="worker", gpus=1)

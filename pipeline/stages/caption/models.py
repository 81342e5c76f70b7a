"""Opens the models that caption and summarise, by the names in the configuration, with the reply cache before them.

just curate <bucket> --set caption.captioner=openai --set caption.model.base_url=http://127.0.0.1:8000/v1
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from captioning.backends import BACKENDS, TEXT_BACKENDS
from captioning.backends.base import Backend
from captioning.cache import CachedChat, ReplyCache
from captioning.captioners import CAPTIONERS
from captioning.captioners.chat import ChatCaptioner
from captioning.chat import ChatModel
from captioning.distill.prompt import trained_caption_prompt, trained_prompt
from captioning.prompts import FRAME_PROMPT, OVERVIEW_PROMPT
from captioning.protocols import Captioner, Summariser
from captioning.summarisers import SUMMARISERS
from captioning.summarisers.chat import ChatSummariser
from captioning.tasks.forms import Form, ProseForm, StructuredForm
from captioning.tasks.images import FrameTask, OverviewTask
from captioning.tasks.summary import Budget, SummaryTask
from captioning.tokens import TokenCounter
from pipeline.engine import llm
from pipeline.engine.requirements import Need
from pipeline.stages.weights import content_of
from schemas.config import CaptionConfig, RunConfig, SummariseConfig
from schemas.model_config import ModelConfig

CHAT_BACKENDS: Mapping[str, Backend] = {**BACKENDS, "vllm": llm.BACKEND}
"""Chat models that see."""
SUMMARY_BACKENDS: Mapping[str, Backend] = {**CHAT_BACKENDS, **TEXT_BACKENDS}
_ALL_CORES = 2  # what a language model in a worker gets; more threads gain little at the embedded profile's size
# Of an engine's arguments, those that change answers rather than speed.
_DECIDING = ("dtype", "quantization", "mm_processor_kwargs", "max_model_len")


def needs_of(config: RunConfig) -> list[Need]:
    """What the engines of the configuration ask of the cluster."""
    needs = []
    for setting, backend, model in (
        ("caption.model", CHAT_BACKENDS.get(config.caption.captioner), config.caption.model),
        ("summarise.model", SUMMARY_BACKENDS.get(config.summarise.summariser), config.summarise.model),
    ):
        if backend is not None and backend.runs == "driver":
            tensor, pieces = (int(model.engine.get(f"{kind}_parallel_size", 1)) for kind in ("tensor", "pipeline"))
            needs.append(Need(setting, model.replicas, tensor * pieces, pieces))
    return needs


def resources_of(backend: Backend | None) -> dict[str, Any]:
    """Where a stage of captions runs: a local model takes the cores and a GPU, an endpoint's client next to nothing."""
    if backend is None:
        return {}
    if backend.runs == "elsewhere":
        return {"waits": True}
    if backend.runs == "driver":
        return {"place": "driver"}
    return {"cpus": _ALL_CORES, "workers": 1, "gpus": backend.gpus}


def threads_of(backend: Backend | None) -> int:
    """CPU threads of one worker."""
    return _ALL_CORES if backend is not None and backend.runs == "worker" else 1


def identity_of(model: ModelConfig) -> dict[str, Any]:
    """What decides a model's answers: its weights or its name and revision, and how it decodes."""
    return {
        "name": content_of(model.name),
        "revision": model.revision,
        "base_url": model.base_url,
        "max_new_tokens": model.max_new_tokens,
        "engine": {name: model.engine[name] for name in sorted(model.engine) if name in _DECIDING},
    }


def open_captioner(config: CaptionConfig, threads: int) -> Captioner:
    """The captioner that the configuration names; one on a chat model also makes overviews."""
    if config.captioner in CAPTIONERS:
        captioner = CAPTIONERS[config.captioner]
        return captioner(config.prompt or captioner.default_prompt)
    limit, attempts = config.model.max_new_tokens, config.max_attempts
    frame = FrameTask(config.prompt or FRAME_PROMPT, max_tokens=limit, max_attempts=attempts)
    overview = OverviewTask(overview_prompt(config), max_tokens=limit, max_attempts=attempts)
    return ChatCaptioner(_open_chat(CHAT_BACKENDS[config.captioner], config.model, threads), frame, overview)


def overview_prompt(config: CaptionConfig) -> str:
    """What is asked of all stills of a clip: what is configured, what the model was taught, or the usual."""
    return config.overview_prompt or trained_caption_prompt(Path(config.model.name)) or OVERVIEW_PROMPT


def open_summariser(config: SummariseConfig, counter: TokenCounter, threads: int) -> Summariser:
    """The summariser that the configuration names, held to the token budget by `counter`."""
    budget = Budget(count=counter.count, tokens=config.token_budget)
    if config.summariser in SUMMARISERS:
        return SUMMARISERS[config.summariser](budget)
    task = SummaryTask(
        make_form(config),
        budget,
        max_tokens=config.model.max_new_tokens,
        max_attempts=config.max_attempts,
        fallback=config.fallback,
    )
    return ChatSummariser(_open_chat(SUMMARY_BACKENDS[config.summariser], config.model, threads), task)


def make_form(config: SummariseConfig) -> Form:
    """The form that the configuration names, with its prompt or the one that a distilled model's folder holds."""
    # A model that was distilled here is asked as it was taught: without the worked examples, unless it had some.
    taught = trained_prompt(Path(config.model.name)) if config.model.name and not config.prompt else None
    if taught is not None:
        return taught.form
    if config.form == "prose":
        return ProseForm(config.prompt) if config.prompt else ProseForm()
    return StructuredForm(config.prompt) if config.prompt else StructuredForm()


def _open_chat(backend: Backend, model: ModelConfig, threads: int) -> ChatModel:
    chat = backend.open(model, threads)
    return CachedChat(chat, ReplyCache(Path(model.cache).expanduser())) if model.cache else chat

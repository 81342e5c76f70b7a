"""Opens the models that caption and summarise, by the names in the configuration, with the reply cache before them.

just curate <bucket> --set caption.captioner=openai --set caption.model.base_url=http://127.0.0.1:8000/v1
"""

import math
from pathlib import Path

from captioning.backends import BACKENDS
from captioning.backends.packaged import open_packaged
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
from captioning.tasks.pictures import FrameTask, OverviewTask
from captioning.tasks.summary import Budget, SummaryTask
from captioning.tokens import TokenCounter
from pipeline.engine.cluster_room import Need
from pipeline.engine.llm import BatchChat
from schemas.config import CaptionConfig, RunConfig, SummariseConfig
from schemas.errors import ConfigError
from schemas.model_config import ModelConfig
from schemas.nearest import did_you_mean

PACKAGED, BATCH = "smollm", "vllm"
CHAT_BACKENDS = (*BACKENDS, BATCH)


def check_models(config: RunConfig) -> None:
    """Raise `ConfigError` if a backend's name is unknown or its model is missing, before any work is done."""
    captioners, summarisers = (*CAPTIONERS, *CHAT_BACKENDS), (*SUMMARISERS, PACKAGED, *CHAT_BACKENDS)
    for setting, name, known, model in (
        ("caption.captioner", config.caption.captioner, captioners, config.caption.model),
        ("summarise.summariser", config.summarise.summariser, summarisers, config.summarise.model),
    ):
        if name not in known:
            raise ConfigError(f"{setting} = {name!r}; {did_you_mean(name, known)}")
        section = setting.split(".")[0]
        if name not in CHAT_BACKENDS:
            if model.name or model.base_url:
                raise ConfigError(f"{section}.model is set, but {name} does not take one; leave it out")
        elif not model.name:
            raise ConfigError(f"{section}.model.name is empty: {name} needs the folder or the name of a model")
        elif name == "transformers" and not Path(model.name, "config.json").is_file():
            raise ConfigError(f"{section}.model.name = {model.name!r}: no folder of a Hugging Face model (config.json)")
        elif name == "openai" and not model.base_url:
            raise ConfigError(f"{section}.model.base_url is empty: openai needs an address, http://127.0.0.1:8000/v1")


def needs_of(config: RunConfig) -> list[Need]:
    """What the engines of the configuration ask of the cluster."""
    found = []
    for setting, backend, model in (
        ("caption.model", config.caption.captioner, config.caption.model),
        ("summarise.model", config.summarise.summariser, config.summarise.model),
    ):
        if backend == BATCH:
            sizes = [int(model.engine.get(f"{kind}_parallel_size", 1)) for kind in ("tensor", "pipeline")]
            found.append(Need(setting, model.replicas, math.prod(sizes)))
    return found


def runs_in_driver(backend: str) -> bool:
    """Whether a backend spreads its work over the cluster by itself, so that its stage must not run in a worker."""
    return backend == BATCH


def open_captioner(config: CaptionConfig, threads: int) -> Captioner:
    """The captioner that the configuration names; one on a chat model also makes overviews."""
    if config.captioner in CAPTIONERS:
        return CAPTIONERS[config.captioner](**({"prompt": config.prompt} if config.prompt else {}))
    limit, attempts = config.model.max_new_tokens, config.max_attempts
    frame = FrameTask(config.prompt or FRAME_PROMPT, max_tokens=limit, max_attempts=attempts)
    overview = OverviewTask(overview_prompt(config), max_tokens=limit, max_attempts=attempts)
    return ChatCaptioner(_open_chat(config.captioner, config.model, threads), frame, overview)


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
    return ChatSummariser(_open_chat(config.summariser, config.model, threads), task)


def make_form(config: SummariseConfig) -> Form:
    """The form that the configuration names, with its prompt or the one that a distilled model's folder holds."""
    # A model that was distilled here is asked as it was taught: without the worked examples, unless it had some.
    taught = trained_prompt(Path(config.model.name)) if config.model.name and not config.prompt else None
    if taught is not None:
        return taught.form
    if config.form == "prose":
        return ProseForm(config.prompt) if config.prompt else ProseForm()
    return StructuredForm(config.prompt) if config.prompt else StructuredForm()


def _open_chat(backend: str, model: ModelConfig, threads: int) -> ChatModel:
    if backend == PACKAGED:
        chat: ChatModel = open_packaged(threads, model.batch)
    elif backend == BATCH:
        chat = BatchChat(model)
    else:
        chat = BACKENDS[backend](model, threads)
    return CachedChat(chat, ReplyCache(Path(model.cache).expanduser())) if model.cache else chat

"""The chat models by name. A new one is a file here that meets `captioning.chat.ChatModel`, and one line.

`vllm` is missing on purpose: it runs as a batch engine inside the cluster and lives in `pipeline.engine.llm`.

    python -m pytest tests/captioning/backends
"""

from collections.abc import Callable

from captioning.backends.openai import OpenAIChat
from captioning.backends.transformers import TransformersChat
from captioning.chat import ChatModel
from schemas.model_config import ModelConfig

BACKENDS: dict[str, Callable[[ModelConfig, int], ChatModel]] = {
    "openai": OpenAIChat,
    "transformers": TransformersChat,
}
"""Each is called with the model's settings and the number of CPU threads that it may use."""

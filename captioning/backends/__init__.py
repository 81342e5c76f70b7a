"""The chat models by name. A new one is a file here that implements `captioning.chat.ChatModel`, and one line.

`vllm` is not here: it runs as a batch engine inside the cluster, in `pipeline.engine.llm`.

    chat = BACKENDS["openai"].open(ModelConfig(name="my-model", base_url="http://127.0.0.1:8000/v1"), 1)
"""

from collections.abc import Mapping

from captioning.backends import openai, packaged, transformers
from captioning.backends.base import Backend

BACKENDS: Mapping[str, Backend] = {
    "openai": openai.BACKEND,
    "transformers": transformers.BACKEND,
}
TEXT_BACKENDS: Mapping[str, Backend] = {
    "smollm": packaged.BACKEND,
}
"""Language models without vision, which can summarise only."""

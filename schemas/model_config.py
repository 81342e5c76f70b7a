"""Settings of a captioning or summarising model: which model, how it is reached, how it decodes.

    caption:
      captioner: vllm
      model: {name: Qwen/Qwen2.5-VL-7B-Instruct, engine: {max_model_len: 8192}}

Keys are never settings: `key_variable` names the environment variable that holds one.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ModelConfig(BaseModel):
    """A model of a backend (`vllm`, `openai`, `transformers`). A backend ignores the settings of others."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str = ""
    """Folder or hub name of the model; for `openai` the name that the endpoint serves it under."""
    revision: str = ""
    """Revision of the weights; for an endpoint, whatever identifies the deployment. It goes into lineage."""
    max_new_tokens: int = Field(default=512, ge=16)
    """Maximum length of an answer in tokens; an answer that reaches it was cut off and is asked for again."""
    base_url: str = ""
    """`openai`: address of the endpoint, such as http://127.0.0.1:8000/v1."""
    key_variable: str = "OPENAI_API_KEY"
    """`openai`: environment variable with the key; the workers read it, and it is written nowhere."""
    max_in_flight: int = Field(default=16, ge=1)
    """`openai`: concurrent requests per worker."""
    timeout_seconds: float = Field(default=120.0, gt=0)
    """`openai`: time-out of one request."""
    max_retries: int = Field(default=5, ge=0)
    """`openai`: how often a request is sent again after 408, 409, 429, 5xx, a time-out or a cut connection."""
    prompt_price: float = Field(default=0.0, ge=0)
    """Price of a million prompt tokens, in any currency; the run's record then has the cost."""
    completion_price: float = Field(default=0.0, ge=0)
    """Price of a million completion tokens."""
    batch: int = Field(default=16, ge=1)
    """`transformers`: requests per forward pass. `vllm`: rows per batch of the engine's feed."""
    engine: dict[str, Any] = {}
    """`vllm`: arguments of the engine (`max_model_len`, `tensor_parallel_size`, `limit_mm_per_prompt`, ...)."""
    replicas: int = Field(default=1, ge=1)
    """`vllm`: engines that run at once, each on its own GPUs."""
    cache: str = "~/.cache/cutroom/replies.sqlite"
    """File in which replies are cached, so that no request is paid for twice; empty for no cache."""

"""vLLM presets: models that suit captioning and summarising, with engine arguments, GPU memory and advice.

A preset only saves typing: any Hugging Face folder or hub name of a model that vLLM supports works without one, and
`model.engine` overrides every argument. Memory is computed from the sizes of the published weights (two bytes per
parameter in bfloat16) and the KV cache for `max_num_seqs` conversations; none of the presets was run on a GPU here.

    caption: {captioner: vllm, model: {name: Qwen/Qwen2.5-VL-7B-Instruct}}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PIXELS = 768 * 28 * 28  # 768 image tokens of 28 x 28 pixels, as Qwen2.5-VL counts them


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A model: hub name, engine arguments, GPU memory in gigabytes, whether it reads images, and advice."""

    name: str
    engine: Mapping[str, Any]
    memory_gb: int
    vision: bool
    advice: str


PRESETS = (
    Preset(
        name="Qwen/Qwen2.5-VL-7B-Instruct",
        vision=True,
        memory_gb=24,
        engine={
            "max_model_len": 8192,
            "max_num_seqs": 64,
            "gpu_memory_utilization": 0.9,
            "limit_mm_per_prompt": {"image": 8, "video": 0},
            "mm_processor_kwargs": {"min_pixels": 64 * 28 * 28, "max_pixels": _PIXELS},
        },
        advice="Weights 17 GB. On 24 GB keep max_num_seqs at 64; on 80 GB raise it to 256 and model.batch to 32.",
    ),
    Preset(
        name="Qwen/Qwen3-VL-8B-Instruct",
        vision=True,
        memory_gb=40,
        engine={
            "max_model_len": 8192,
            "max_num_seqs": 64,
            "gpu_memory_utilization": 0.9,
            "limit_mm_per_prompt": {"image": 8, "video": 0},
        },
        advice="Weights 18 GB. On 24 GB set max_num_seqs to 16; the context of 256k that it is published with is cut.",
    ),
    Preset(
        name="Qwen/Qwen3-8B",
        vision=False,
        memory_gb=24,
        engine={"max_model_len": 4096, "max_num_seqs": 128, "gpu_memory_utilization": 0.9},
        advice="Weights 16 GB. For summaries; it is asked without its thinking mode.",
    ),
    Preset(
        name="meta-llama/Llama-3.1-8B-Instruct",
        vision=False,
        memory_gb=24,
        engine={"max_model_len": 4096, "max_num_seqs": 128, "gpu_memory_utilization": 0.9},
        advice="Weights 16 GB. For summaries. Its licence must be accepted on the hub.",
    ),
)
# Defaults for models without a preset. The length bounds the KV cache; the image limit exceeds the stills of a clip.
_ON_GPU: Mapping[str, Any] = {"max_num_seqs": 256}
_ON_CPU: Mapping[str, Any] = {
    "dtype": "bfloat16",
    "enforce_eager": True,
    "max_model_len": 4096,
    "max_num_seqs": 32,
    "limit_mm_per_prompt": {"image": 8, "video": 0},
}
_GPU_ONLY = ("gpu_memory_utilization", "max_num_seqs", "tensor_parallel_size", "pipeline_parallel_size")


def preset_of(name: str) -> Preset | None:
    """The preset of a hub name, or of a folder that is named like its last part; None if there is none."""
    last = name.rstrip("/").rsplit("/", 1)[-1]
    return next((preset for preset in PRESETS if preset.name.rsplit("/", 1)[-1] == last), None)


def engine_arguments(name: str, chosen: Mapping[str, Any], gpus: int) -> dict[str, Any]:
    """The engine's arguments on a machine with `gpus` GPUs: the machine's defaults, then the preset, then `chosen`."""
    preset = preset_of(name)
    arguments: dict[str, Any] = dict(preset.engine) if preset else {}
    if gpus:
        return {**_ON_GPU, **arguments, **chosen}
    return {**_ON_CPU, **{key: value for key, value in arguments.items() if key not in _GPU_ONLY}, **chosen}

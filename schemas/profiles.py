"""Profiles: functions that return a whole run configuration; a variant calls another profile and changes some of it.

just curate <bucket> --profile gpu
"""

from collections.abc import Callable

from schemas.config import (
    CaptionConfig,
    PackConfig,
    RunConfig,
    ScoreConfig,
    SelectConfig,
    SplitConfig,
    SummariseConfig,
)
from schemas.model_config import ModelConfig


def embedded() -> RunConfig:
    """Any CPU, no downloads: the models that ship inside packages, and the low-resolution first-stage buckets."""
    return RunConfig(profile="embedded", select=SelectConfig(rules=["text_area <= 0.25", "brightness >= 0.03"]))


def gpu() -> RunConfig:
    """One machine with GPUs: open_clip ViT-L/14 with LAION's aesthetic head, CogVideoX buckets."""
    return embedded().model_copy(
        update={
            "profile": "gpu",
            "score": ScoreConfig(
                embedder="open_clip_vit_l14", labeller="", scorers=["aesthetic_laion", "text_area"], clips_per_part=32
            ),
            # 4.5 is the lower end of what open trainers use with LAION's head (their 5 drops about half).
            "select": SelectConfig(rules=["aesthetic >= 4.5", "text_area <= 0.05", "brightness >= 0.03"]),
            "caption": CaptionConfig(captioner="vllm", model=ModelConfig(name="Qwen/Qwen2.5-VL-7B-Instruct")),
            # A capable model writes JSON; if it does not, the sample fails and `just retry` asks again.
            "summarise": SummariseConfig(
                summariser="vllm",
                model=ModelConfig(name="Qwen/Qwen3-8B", max_new_tokens=1024),
                form="structured",
                fallback="none",
            ),
            "pack": PackConfig(buckets=["cogvideox"]),
        }
    )


def cluster() -> RunConfig:
    """A Ray cluster: as `gpu`, with larger parts so that a million videos do not make a million small files."""
    base = gpu()
    return base.model_copy(update={"profile": "cluster", "split": SplitConfig(videos_per_part=16)})


PROFILES: dict[str, Callable[[], RunConfig]] = {"embedded": embedded, "gpu": gpu, "cluster": cluster}

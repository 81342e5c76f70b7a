"""vLLM as a chat model: requests go through Ray Data's engine processor, replies arrive as batches finish.

Runs in the driver. Starting an engine takes from half a minute (CPU) to minutes, so a stage submits as many requests as
it can at once. On a machine without GPUs the engine runs on the CPU.

    just curate <bucket> --set caption.captioner=vllm --set caption.model.name=Qwen/Qwen2.5-VL-7B-Instruct
"""

import asyncio
import contextlib
import logging
import math
import os
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from captioning.backends.base import Backend
from captioning.backends.folders import check_folder
from captioning.chat import ChatReply, ChatRequest, check_ids
from captioning.checkpoints import model_identity, read_config
from captioning.presets import engine_arguments
from pipeline.engine.cluster import WorkerLogs
from pipeline.engine.llm_rows import Template, check_template, finish, prepare, reply_of, request_row
from pipeline.stage import Row, describe
from schemas.errors import ConfigError, StageError
from schemas.model_config import ModelConfig

# How often a crashed engine is restarted with its batches; a request that kills it would do so for ever.
_RESTARTS = 2
_ENGINE_STAGE = "vLLMEngineStage"
_ENVIRONMENT = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING", "TOKENIZERS_PARALLELISM": "false"}
_CPU_CACHE_GIGABYTES = "2"


class BatchChat:
    """The model `config.name` on `config.replicas` engines. Implements `captioning.chat.ChatModel`.

    `silence_seconds` limits the time without any reply, including the engine's start and a model's download. Raises
    `ConfigError` without a name, `StageError` if the model does not exist.
    """

    name = "vllm"

    def __init__(self, config: ModelConfig, silence_seconds: float = 3600.0, restarts: int = _RESTARTS) -> None:
        if not config.name:
            raise ConfigError("vllm: model.name is empty; give a Hugging Face folder or a hub name")
        folder = Path(config.name).expanduser()
        self._local = folder.is_dir()
        self._source = str(folder.resolve()) if self._local else config.name
        self._config, self._silence, self._restarts = config, silence_seconds, restarts
        self.model = model_identity(config.name, config.revision)
        settings = read_config(config.name, config.revision)
        self._has_vision = any(key in settings for key in ("vision_config", "visual"))
        self._template = Template(self._source, "" if self._local else config.revision, self._has_vision)

    async def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
        """Yield one reply per request, in any order. A request that cannot be prepared gets a reply with its error.

        Raises `StageError` if the engine cannot start, dies more than `restarts` times, or stays silent for too long.
        """
        check_ids(requests)
        self._check_images(requests)
        waiting, rows = {request.id: request for request in requests}, []
        for request in requests:
            try:
                rows.append(request_row(request))
            except Exception as error:
                del waiting[request.id]
                yield ChatReply(id=request.id, error=f"an image cannot be read: {describe(error)}")
        if not rows:
            return
        with _quiet():
            opened = check_template(self._template)
        arguments, settings = self._settings()
        logs = WorkerLogs()
        stream = _Stream(partial(self._run, settings, rows))
        try:
            while (row := await stream.next(self._silence)) is not None:
                request = waiting.pop(row["id"])
                yield reply_of(row, request, arguments.get("max_model_len"), opened)
        except TimeoutError as error:
            raise StageError(
                f"vllm: no reply for {self._silence:.0f} s; {len(waiting)} of {len(requests)} requests are open."
                f"{logs.last_errors()}"
            ) from error
        except Exception as error:
            raise StageError(f"vllm: the engine gave up: {_one_line(error)}.{logs.last_errors()}") from error
        finally:
            stream.close()

    def _check_images(self, requests: Sequence[ChatRequest]) -> None:
        if not self._has_vision and any(message.images for request in requests for message in request.messages):
            raise StageError(f"{self._config.name} is a language model without vision and was asked about images")

    def _settings(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The engine's arguments and the processor's settings for the running Ray cluster."""
        import ray

        if not ray.is_initialized():
            raise StageError("vllm: Ray is not running; the engine of stages starts it")
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cpus, gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
        arguments = engine_arguments(self._config.name, self._config.engine, gpus)
        return arguments, self._processor_settings(arguments, cpus, gpus)

    def _run(self, settings: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[Row]:
        """Run the rows through a processor. Blocks until the next row is available."""
        import ray.data

        with _quiet():
            from ray.data.llm import build_processor, vLLMEngineProcessorConfig

            processor = build_processor(
                vLLMEngineProcessorConfig(**settings),
                preprocess=partial(prepare, template=self._template),
                postprocess=finish,
                # Fractional CPUs, so that reading images never waits for the CPU that the engine occupies.
                preprocess_map_kwargs={"num_cpus": 0.25},
                postprocess_map_kwargs={"num_cpus": 0.1},
            )
            restarts = {"max_restarts": self._restarts, "max_task_retries": self._restarts}
            processor.get_stage_by_name(_ENGINE_STAGE).map_batches_kwargs.update(restarts)
            blocks = math.ceil(len(rows) / self._config.batch)
            results = processor(ray.data.from_items(list(rows), override_num_blocks=blocks))
        yield from results.iter_rows()

    def _processor_settings(self, arguments: Mapping[str, Any], cpus: int, gpus: int) -> dict[str, Any]:
        """The arguments of `vLLMEngineProcessorConfig`. Raises `StageError` if there are too few GPUs."""
        config = self._config
        per_engine = arguments.get("tensor_parallel_size", 1) * arguments.get("pipeline_parallel_size", 1)
        if (gpus or per_engine > 1) and config.replicas * per_engine > gpus:
            raise StageError(
                f"vllm: {config.replicas} replicas on {per_engine} GPUs each were requested, but Ray has {gpus}; "
                "lower model.replicas or model.engine.tensor_parallel_size"
            )
        engine = dict(arguments)
        if config.revision and not self._local:
            engine |= {"revision": config.revision, "tokenizer_revision": config.revision}
        variables = dict(_ENVIRONMENT)
        if self._local:
            variables["HF_HUB_OFFLINE"] = "1"
        settings: dict[str, Any] = {}
        replicas = config.replicas
        if not gpus:
            replicas = min(replicas, max(1, cpus - 1))
            variables["VLLM_CPU_KVCACHE_SPACE"] = os.environ.get("VLLM_CPU_KVCACHE_SPACE", _CPU_CACHE_GIGABYTES)
            settings["placement_group_config"] = {"bundles": [{"CPU": 1}]}  # else it waits for a GPU for ever
        return settings | {
            "model_source": self._source,
            "engine_kwargs": engine,
            "batch_size": config.batch,
            "concurrency": (replicas, replicas),
            # Batches in flight must hold at least as many rows as the engine takes at once.
            "max_concurrent_batches": max(8, math.ceil(engine.get("max_num_seqs", 256) / config.batch)),
            "should_continue_on_error": True,
            "log_engine_metrics": False,
            "runtime_env": {"env_vars": variables},
            "chat_template_stage": False,
            "tokenize_stage": False,
            "detokenize_stage": False,
        }


class _Stream:
    """Reads a blocking generator of rows from the running event loop, with a timeout."""

    def __init__(self, rows: Callable[[], Iterator[Row]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Row | BaseException | None] = asyncio.Queue()
        self._closed = False
        # A daemon thread: a hanging iterator must not keep the process from exiting.
        threading.Thread(target=self._read, args=(rows,), daemon=True).start()

    async def next(self, seconds: float) -> Row | None:
        """The next row; None at the end. Raises `TimeoutError`, or what the iterator raised."""
        item = await asyncio.wait_for(self._queue.get(), seconds)
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        """Stop reading after the current row."""
        self._closed = True

    def _read(self, rows: Callable[[], Iterator[Row]]) -> None:
        try:
            for row in rows():
                if self._closed:
                    return
                self._put(row)
            self._put(None)
        except Exception as error:
            self._put(error)

    def _put(self, item: Row | Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody is waiting
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep libraries' messages during import off the terminal; errors are still shown."""
    before = logging.root.manager.disable
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _one_line(error: BaseException) -> str:
    """A Ray error in one line without colours, with the last lines, where the engine's own exception is."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()]
    tail = [line[:200] for line in lines if line and not line.startswith(("File ", "^", "~"))]
    return f"{type(error).__name__}: {' ... '.join(dict.fromkeys(tail[-4:]))}"


def check_model(setting: str, model: ModelConfig, *, remote: bool) -> None:
    """Raise `ConfigError` for a folder without a model. A name on the hub may be cached, mirrored or private."""
    is_path = model.name.startswith((".", "/", "~")) or model.name.count("/") > 1
    if is_path or Path(model.name).expanduser().is_dir():
        check_folder(setting, model.name, ("*.safetensors", "*.bin", "*.pt", "*.gguf"))


BACKEND = Backend(open=lambda model, threads: BatchChat(model), check=check_model, packages=("vllm",), runs="driver")

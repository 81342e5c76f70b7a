"""`just bench captions`, the engine's parts: vLLM and transformers on one model, and the overhead of a stage.

Both get the same prompts through the same chat template, decode greedily up to the same length and process equally many
prompts at once, so tokens per second are comparable. Start-up is excluded, because a stage pays it once: a first batch
warms the engine up and fills all its slots, and time counts from the end of that batch. On the CPU this shows that the
path works and what it costs, not the speed of a GPU.

    just bench captions speed
    just bench captions overhead
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from captioning.backends.packaged import DEFAULT_CACHE, unpacked
from captioning.chat import ChatRequest, Message
from pipeline.benchmarks.record import Table
from pipeline.dataset.folder import Dataset
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.engine.llm import BatchChat
from pipeline.engine.llm_rows import Template, render
from pipeline.engine.progress import Progress
from pipeline.stage import Output, Result, Row, StageSpec
from schemas.config import EngineConfig
from schemas.contract import STATUS_COLUMNS, Column, TableContract
from schemas.model_config import ModelConfig

PROMPTS, TOKENS, BATCH = 32, 64, 8  # vLLM also processes 8 prompts at once: more would overlap with its warm-up
ROWS, SECONDS_PER_ROW, GOAL = 64, 0.05, 0.1
WARM_UP = 3  # Ray keeps some processes and uses any of them; each imports the stage on first use
_THINGS = ("a harbour", "two dogs", "a kitchen", "a train", "snow", "a street at night", "a football match", "a forest")
_ANSWERS = TableContract(
    name="answers",
    key="id",
    doc="what a benchmark's model said",
    columns=(
        Column(name="id", type=pa.string(), doc="question"),
        Column(name="text", type=pa.string(), doc="answer"),
        *STATUS_COLUMNS,
    ),
)


def measure_speed(_: int) -> list[Table]:
    """Tokens per second of vLLM on 32 prompts and of transformers on 8 of them, once: an engine takes minutes."""
    folder, progress = unpacked(DEFAULT_CACHE), Progress()
    requests = _requests(BATCH + PROMPTS)
    rows: list[Sequence[object]] = []
    for name, ask in (
        (f"vLLM through Ray Data, {BATCH} at once, bfloat16", partial(_of_vllm, folder, requests)),
        *(
            (f"transformers, a batch of {BATCH}, {dtype}", partial(_of_transformers, folder, requests[-BATCH:], dtype))
            for dtype in ("bfloat16", "float32")
        ),
    ):
        rows.append([name, *ask()])
        progress.note("  " + ", ".join(map(str, rows[-1])))
    title = f"Answers of up to {TOKENS} tokens by SmolLM2-135M on the CPU, each side once"
    return [(title, ("engine", "tokens", "seconds", "tokens/s"), rows)]


def measure_overhead(rounds: int) -> list[Table]:
    """The engine's overhead for a stage of 64 rows whose model takes 50 ms each: in workers and in the driver."""
    rows: list[Sequence[object]] = []
    with Cluster() as cluster:
        cluster.start()
        for place in ("workers", "driver"):
            seconds = []
            for _ in range(WARM_UP + rounds):
                with tempfile.TemporaryDirectory() as folder:
                    engine = Engine(Dataset(folder), EngineConfig(workers=1), cluster)
                    engine.run(_spec(place), pa.table({"id": [f"r{number:03d}" for number in range(ROWS)]}))
                    seconds.append(engine.records["answer"].seconds)
            took, own = statistics.median(seconds[WARM_UP:]), ROWS * SECONDS_PER_ROW
            rows.append([place, ROWS, f"{own:.2f}", f"{took:.2f}", f"{took / own - 1:+.1%}"])
    title = f"What the engine adds to its model's time, median of {rounds} (goal: at most {GOAL:.0%})"
    return [(title, ("stage runs in", "rows", "the model's seconds", "the stage's seconds", "added"), rows)]


def _requests(count: int) -> list[ChatRequest]:
    texts = [f"Describe {_THINGS[number % len(_THINGS)]} in picture {number} in detail." for number in range(count)]
    return [
        ChatRequest(id=f"p{number:03d}", messages=(Message("user", text),), max_tokens=TOKENS)
        for number, text in enumerate(texts)
    ]


def _of_vllm(folder: Path, requests: Sequence[ChatRequest]) -> list[str]:
    """Counts from the end of the first batch; the engine takes the next prompts as slots become free."""

    async def ask() -> list[tuple[float, int]]:
        chat = BatchChat(ModelConfig(name=str(folder), batch=BATCH, engine={"max_num_seqs": BATCH}))
        return [(time.monotonic(), reply.completion_tokens) async for reply in chat.chat(requests)]

    with Cluster() as cluster:
        cluster.start()
        replies = asyncio.run(ask())
    tokens = sum(count for _, count in replies[BATCH:])
    return _speed(tokens, replies[-1][0] - replies[BATCH - 1][0])


def _of_transformers(folder: Path, requests: Sequence[ChatRequest], dtype: str) -> list[str]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left", local_files_only=True)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), local_files_only=True).eval()
    prompts = [render(request.messages, Template(str(folder), "", parts=False)) for request in requests]

    def write(texts: Sequence[str]) -> int:
        inputs = tokenizer(list(texts), return_tensors="pt", padding=True)
        with torch.inference_mode():
            tokens = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)
        return int((tokens[:, inputs["input_ids"].shape[1] :] != tokenizer.pad_token_id).sum())

    write(prompts[:2])
    started = time.monotonic()
    tokens = write(prompts)
    return _speed(tokens, time.monotonic() - started)


def _speed(tokens: int, seconds: float) -> list[str]:
    return [str(tokens), f"{seconds:.1f}", f"{tokens / max(seconds, 1e-6):.0f}"]


class _Answers:
    """A stage with a model that takes the same time for every row."""

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        for row in rows:
            time.sleep(SECONDS_PER_ROW)
            yield Result(key=row["id"], values={"id": row["id"], "text": "seen"})


def _spec(place: Any) -> StageSpec:
    return StageSpec(
        name="answer",
        build=_Answers,
        arguments={},
        outputs=(Output(folder="answers", contract=_ANSWERS, parent="id"),),
        fingerprint="benchmark",
        identity=(),
        rows_per_part=16,
        place=place,
    )

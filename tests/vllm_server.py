"""The real `vllm serve` on this machine's CPU, for tests that go from a request to a model's own words.

    with vllm_serving(folder, log=tmp_path / "vllm.log") as base_url:
        OpenAIChat(ModelConfig(name=NAME, base_url=base_url), 1)

It takes a minute or more to start; tests that use it are `slow`.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

NAME = "served"
START_SECONDS = 300.0
_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "OMP_NUM_THREADS": "2",
}
_ENGINE = ("--dtype", "bfloat16", "--max-model-len", "1024", "--enforce-eager")
_LINES_OF_LOG = 30


@contextmanager
def vllm_serving(
    model: Path, *, log: Path, engine: Sequence[str] = _ENGINE, seconds: float = START_SECONDS
) -> Iterator[str]:
    """Serve the model in a folder under the name `served`, and yield the base URL once it is healthy.

    `engine` are the server's further arguments (images want `--limit-mm-per-prompt`); what it says goes into `log`.
    Raises `RuntimeError` with the end of the log if it ends or is not healthy within `seconds`. At the end the server
    and all that it started are ended by their process group.
    """
    port = _free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--served-model-name", NAME, "--host", "127.0.0.1", "--port", str(port), *engine]
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, env={**os.environ, **_ENVIRONMENT}, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_until_healthy(server, port, log, seconds)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        _end(server)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _wait_until_healthy(server: "subprocess.Popen[bytes]", port: int, log: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not _is_healthy(port):
        if server.poll() is not None:
            raise RuntimeError(f"vLLM ended with code {server.returncode} before it was healthy:\n{_tail(log)}")
        if time.monotonic() > end:
            raise RuntimeError(f"vLLM was not healthy after {seconds:g} s:\n{_tail(log)}")
        time.sleep(1)


def _is_healthy(port: int) -> bool:
    # Proxies of the environment do not reach this machine's own ports.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LINES_OF_LOG:])


def _end(server: "subprocess.Popen[bytes]") -> None:
    """Ask the server to end, then end what is left of its own process group: its engine is a process of its own."""
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        print(f"vLLM (process {server.pid}) did not end by itself and is killed", file=sys.stderr)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait(20)

"""How a command's process ends: with its own code, whatever native threads and signals do, and no taking down.

python -m pytest tests/schemas/test_command.py
"""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _start(body: str) -> "subprocess.Popen[str]":
    code = "import os, sys, time, atexit, signal\nfrom schemas.command import run_command\n" + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_what_is_registered_for_the_end_runs_and_the_interpreter_is_not_taken_down() -> None:
    """While it is taken down, an Arrow thread that frees a Python buffer aborts the process: exit code 134."""
    process = _start("""
        class Late:
            def __del__(self):
                os.write(1, b"taken down")
        late = Late()
        atexit.register(os.write, 1, b"at exit")
        run_command(lambda: print("printed") or 1)
    """)
    printed, _ = process.communicate(timeout=60)
    assert (process.returncode, printed) == (1, "printed\nat exit")


def test_reading_parquet_until_the_end_never_aborts(tmp_path: Path) -> None:
    process = _start(f"""
        import io
        import pyarrow as pa, pyarrow.parquet as pq
        from schemas.errors import InputError
        path = {str(tmp_path / "t.parquet")!r}
        pq.write_table(pa.table({{str(name): ["x"] * 1000 for name in range(40)}}), path)
        def command():
            for _ in range(20):
                pq.read_table(io.BytesIO(open(path, "rb").read()))
            raise InputError("no such clip")
        run_command(command)
    """)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (2, "error: no such clip\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_that_stop_end_with_their_code_and_what_to_do(number: signal.Signals, code: int) -> None:
    process = _start("""
        def command():
            try:
                print("ready", flush=True)
                time.sleep(60)
            finally:
                print("cleaned up")
        run_command(command)
    """)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed) == (code, "cleaned up\n")
    assert errors == "stopped; run the same command again to go on from here\n"


def test_a_forked_process_ends_by_the_signal_as_any_other() -> None:
    process = _start("""
        def command():
            child = os.fork()
            if child == 0:
                time.sleep(60)
            time.sleep(0.2)
            os.kill(child, signal.SIGTERM)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        run_command(command)
    """)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed, errors) == (0, "-15\n", "")


def test_an_output_that_nobody_reads_any_more_is_no_error() -> None:
    process = _start("run_command(lambda: print('x' * 1000000))")
    assert process.stdout is not None
    process.stdout.close()
    process.wait(timeout=60)
    assert process.stderr is not None
    assert (process.returncode, process.stderr.read()) == (0, "")

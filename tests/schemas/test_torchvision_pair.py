"""A torchvision that does not load is left out, so that models of text load without it.

python -m pytest tests/schemas/test_torchvision_pair.py
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = """
import warnings
from schemas.torchvision_pair import leave_out_broken_torchvision
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    leave_out_broken_torchvision()
    leave_out_broken_torchvision()
print(len(told), *[str(warning.message)[:60] for warning in told])
from transformers import LlamaConfig
print(LlamaConfig().model_type)
"""


def _run(extra: Path | None) -> list[str]:
    path = ":".join(str(folder) for folder in (extra, ROOT) if folder)
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("error", ["RuntimeError('operator torchvision::nms does not exist')", "OSError('libcudart')"])
def test_a_torchvision_that_does_not_load_is_left_out_once_with_a_warning(tmp_path: Path, error: str) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(f"raise {error}\n")
    warned, model = _run(tmp_path)
    assert warned.startswith("1 torchvision does not load")
    assert model == "llama"


def test_one_that_loads_stays() -> None:
    assert _run(None) == ["0", "llama"]

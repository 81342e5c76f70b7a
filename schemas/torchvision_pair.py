"""Leaves torchvision out where it does not load beside the torch that is installed.

Each release of torchvision is built for one build of torch. Package indexes that hold several builds can pair a torch
for CPUs with a torchvision for CUDA: pip sees no conflict, and importing it fails. `transformers` imports torchvision
with every model if it is installed, so models of text, which need none of it, would fail as well.

    leave_out_broken_torchvision()      # before `from transformers import ...`
"""

import importlib
import importlib.util
import sys
import warnings
from functools import lru_cache


@lru_cache(maxsize=1)
def leave_out_broken_torchvision() -> None:
    """Make imports behave as if torchvision were not installed, with a warning, if it cannot be imported."""
    if "torchvision" in sys.modules or importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except (RuntimeError, ImportError, OSError) as error:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        # None is what the import system takes for "there is no such module"; it is asked before the path is searched.
        sys.modules["torchvision"] = None  # type: ignore[assignment]
        warnings.warn(
            f"torchvision does not load beside the torch that is installed ({' '.join(str(error).split())[:200]}) and "
            "is left out; install both from one index (pip install --force-reinstall torch torchvision)",
            RuntimeWarning,
            stacklevel=2,
        )

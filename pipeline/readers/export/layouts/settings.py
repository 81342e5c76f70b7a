"""The dataset settings of trainers that read folders of videos with captions beside them, one entry for each bucket.

    diffusion-pipe   TOML, [[directory]]: path, size_buckets [[width, height, frames]]
    musubi-tuner     TOML, [[datasets]]: video_directory, resolution [width, height], target_frames [frames]
    finetrainers     JSON, datasets: data_root, video_resolution_buckets [[frames, height, width]]

Paths are absolute, so the settings hold where they were written; after a move, export again.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from schemas.bucket import Bucket

Settings = Callable[[Path, str, Sequence[Bucket]], str]


def diffusion_pipe(folder: Path, split: str, buckets: Sequence[Bucket]) -> str:
    """What `dataset` (for validation: `eval_datasets`) of a diffusion-pipe configuration names."""
    entries = [
        f"\n[[directory]]\npath = {_quoted(folder / split / bucket.slug)}\n"
        f"size_buckets = [[{bucket.width}, {bucket.height}, {bucket.frames}]]\n"
        for bucket in buckets
    ]
    return "# Every folder is one shape; frames count at the model's own rate.\n" + "".join(entries)


def musubi_tuner(folder: Path, split: str, buckets: Sequence[Bucket]) -> str:
    """What `--dataset_config` of musubi-tuner names."""
    text = (
        '# Every folder is one shape.\n[general]\ncaption_extension = ".txt"\nbatch_size = 1\nenable_bucket = false\n'
    )
    for bucket in buckets:
        kind = "image" if bucket.is_image else "video"
        text += f"\n[[datasets]]\n{kind}_directory = {_quoted(folder / split / bucket.slug)}\n"
        text += f"cache_directory = {_quoted(folder / 'cache' / split / bucket.slug)}\n"
        text += f"resolution = [{bucket.width}, {bucket.height}]\n"
        if not bucket.is_image:
            text += f'target_frames = [{bucket.frames}]\nframe_extraction = "head"\n'
    return text


def finetrainers(folder: Path, split: str, buckets: Sequence[Bucket]) -> str:
    """What `--dataset_config` of finetrainers names."""
    entries = []
    for bucket in buckets:
        shape = [bucket.height, bucket.width] if bucket.is_image else [bucket.frames, bucket.height, bucket.width]
        kind = "image" if bucket.is_image else "video"
        entries.append(
            {
                "data_root": str(folder / split / bucket.slug),
                "dataset_type": kind,
                f"{kind}_resolution_buckets": [shape],
                "reshape_mode": "bicubic",
            }
        )
    return json.dumps({"datasets": entries}, indent=2) + "\n"


def _quoted(path: Path) -> str:
    """A path as a basic string of TOML: JSON's escapes are among TOML's, which forbids one character more."""
    return json.dumps(str(path), ensure_ascii=False).replace("\x7f", "\\u007f")


SETTINGS: dict[str, Settings] = {
    "diffusion-pipe.toml": diffusion_pipe,
    "musubi-tuner.toml": musubi_tuner,
    "finetrainers.json": finetrainers,
}

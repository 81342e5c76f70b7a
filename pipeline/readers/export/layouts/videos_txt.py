"""Each video with a text file of the same name beside it, a folder for each bucket; and the settings that name them.

Read by diffusion-pipe, musubi-tuner and finetrainers. All three want the shape of a folder's videos in their settings,
so every bucket has its own folder, and for each split a settings file of each trainer lies at the top (diffusion-pipe
takes every file in a folder for media unless it knows its suffix: nothing else may lie there).

    just export-clips <dataset> <folder> --as videos+txt
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.readers.export.clip import ExportedClip
from pipeline.readers.export.layouts.layout import Layout, by_split
from pipeline.readers.export.layouts.settings import SETTINGS


class VideosTxt(Layout):
    """`train/<bucket>/<id>.mp4` and `<id>.txt`; `diffusion-pipe-train.toml` and the like."""

    name = "videos+txt"
    readers = "diffusion-pipe, musubi-tuner, finetrainers"
    takes_images = True

    def media(self, clip: ExportedClip) -> str:
        """In the folder of its bucket."""
        return f"{clip.split}/{clip.bucket.slug}/{clip.file_name}"

    def texts(self, clip: ExportedClip) -> Mapping[str, str]:
        """The caption beside the video."""
        return {f"{clip.split}/{clip.bucket.slug}/{clip.sample_id}.txt": f"{clip.caption}\n"}

    def lists(self, clips: Sequence[ExportedClip], folder: Path) -> Mapping[str, str]:
        """For each trainer and split the settings that name the buckets' folders."""
        files = {}
        for split, inside in by_split(clips).items():
            buckets = sorted({clip.bucket for clip in inside})
            for name, write in SETTINGS.items():
                stem, _, suffix = name.rpartition(".")
                files[f"{stem}-{split}.{suffix}"] = write(folder, split, buckets)
        return files

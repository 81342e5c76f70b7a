"""What a layout is: it says where a clip's files go and which lists name them. It reads and writes nothing itself.

Paths are relative to the export folder, with `/`. Everything of one split lies below a folder of its name, so that
validation is never read by a trainer that is given the folder of training.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.readers.export.clip import ExportedClip


class Layout:
    """One way to lay clips out. `name` is what `--as` takes; `readers` says who reads it.

    `takes_images`: images go along. `one_line`: a caption may hold no line break. `one_shape`: the readers resize
    all videos to one shape.
    """

    name: str
    readers: str
    takes_images: bool = False
    one_line: bool = True
    one_shape: bool = False

    def check_folder(self, folder: Path) -> None:
        """Raise `ConfigError` if the readers would misread this (absolute) folder."""

    def media(self, clip: ExportedClip) -> str:
        """Where the video or image goes."""
        return f"{clip.split}/{clip.kind}s/{clip.file_name}"

    def texts(self, clip: ExportedClip) -> Mapping[str, str]:
        """Files that belong to this clip alone: path to text."""
        return {}

    def lists(self, clips: Sequence[ExportedClip], folder: Path) -> Mapping[str, str]:
        """Files that name all clips (in order, `clips` being sorted by split and id): path to text."""
        return {}


def by_split(clips: Sequence[ExportedClip]) -> Mapping[str, Sequence[ExportedClip]]:
    """The clips of each split, in order."""
    return {split: [clip for clip in clips if clip.split == split] for split in sorted({clip.split for clip in clips})}


def below_split(path: str) -> str:
    """A path as a list that lies in its split's folder names it."""
    return path.partition("/")[2]

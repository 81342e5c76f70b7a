"""`metadata.json`: one JSON list of videos and images, for VideoX-Fun (CogVideoX-Fun, Wan-Fun).

`file_path` is relative to the folder of the split, which `--train_data_dir` names; `width` and `height` spare its
bucket sampler opening every video.

    just export-clips <dataset> <folder> --as json-list
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.readers.export.clip import ExportedClip
from pipeline.readers.export.layouts.layout import Layout, below_split, by_split


class JsonList(Layout):
    """`train/metadata.json`, `train/videos/<id>.mp4`, `train/images/<id>.png`."""

    name = "json-list"
    readers = "VideoX-Fun"
    takes_images = True
    one_line = False

    def lists(self, clips: Sequence[ExportedClip], folder: Path) -> Mapping[str, str]:
        """One list for each split."""
        return {
            f"{split}/metadata.json": json.dumps([self._entry(clip) for clip in inside], indent=1) + "\n"
            for split, inside in by_split(clips).items()
        }

    def _entry(self, clip: ExportedClip) -> dict[str, str | int]:
        return {
            "file_path": below_split(self.media(clip)),
            "text": clip.caption,
            "type": clip.kind,
            "width": clip.bucket.width,
            "height": clip.bucket.height,
        }

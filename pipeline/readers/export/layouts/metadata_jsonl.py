"""`metadata.jsonl`: one JSON object a line, for the `videofolder` loader of datasets, finetrainers and musubi-tuner.

`file_name` is relative to the list, as videofolder resolves it; `video_path` is absolute, because musubi-tuner opens
it as it stands. Both read the caption from `caption`.

    just export-clips <dataset> <folder> --as metadata.jsonl
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.readers.export.clip import ExportedClip
from pipeline.readers.export.layouts.layout import Layout, below_split, by_split


class MetadataJsonl(Layout):
    """`train/metadata.jsonl`, `train/videos/<id>.mp4`."""

    name = "metadata.jsonl"
    readers = "finetrainers, datasets' videofolder, musubi-tuner"
    one_line = False

    def lists(self, clips: Sequence[ExportedClip], folder: Path) -> Mapping[str, str]:
        """One list for each split."""
        return {
            f"{split}/metadata.jsonl": "".join(f"{self._line(clip, folder)}\n" for clip in inside)
            for split, inside in by_split(clips).items()
        }

    def _line(self, clip: ExportedClip, folder: Path) -> str:
        path = self.media(clip)
        # ASCII alone: a reader that splits at Unicode's line breaks must find none inside an object.
        row = {"file_name": below_split(path), "caption": clip.caption, "video_path": str(folder / path)}
        return json.dumps(row)

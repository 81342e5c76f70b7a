"""`videos/` and `labels/` side by side, for CogVideo's SAT trainer (`data_video.SFTDataset`).

That reader turns a video's whole path into its caption's by replacing every `videos` with `labels` and `.mp4` with
`.txt`, and takes the first line of what it finds there; where it finds nothing the caption is empty, without a word.
So neither may stand elsewhere in the path, and a caption is one line.

    just export-clips <dataset> <folder> --as videos+labels
"""

from collections.abc import Mapping
from pathlib import Path

from pipeline.readers.export.clip import ExportedClip
from pipeline.readers.export.layouts.layout import Layout
from schemas.errors import ConfigError


class VideosLabels(Layout):
    """`train/videos/<id>.mp4`, `train/labels/<id>.txt`."""

    name = "videos+labels"
    readers = "CogVideo SAT"
    one_shape = True

    def check_folder(self, folder: Path) -> None:
        """The folder's own path must survive the reader's two replacements."""
        for word in ("videos", ".mp4"):
            if word in str(folder):
                raise ConfigError(
                    f"folder {str(folder)!r} has {word!r} in its path, which the SAT trainer replaces everywhere in the"
                    " path, and then finds no caption; choose a folder without it"
                )

    def texts(self, clip: ExportedClip) -> Mapping[str, str]:
        """The caption, where the reader looks for it."""
        return {f"{clip.split}/labels/{clip.sample_id}.txt": f"{clip.caption}\n"}

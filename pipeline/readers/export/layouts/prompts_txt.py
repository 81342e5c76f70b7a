"""`prompts.txt` and `videos.txt`: line n of one is the caption of the video that line n of the other names.

Read by CogVideo's own fine-tuning, cogvideox-factory, the CogVideoX example of diffusers, and finetrainers. All of
them split the caption file at line breaks (finetrainers also at those of Unicode), and most drop empty lines, so a
caption is one line and never empty.

    just export-clips <dataset> <folder> --as prompts.txt
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.readers.export.clip import ExportedClip
from pipeline.readers.export.layouts.layout import Layout, below_split, by_split


class PromptsTxt(Layout):
    """`train/prompts.txt`, `train/videos.txt`, `train/videos/<id>.mp4`."""

    name = "prompts.txt"
    readers = "CogVideo finetune, cogvideox-factory, diffusers, finetrainers"
    one_shape = True

    def lists(self, clips: Sequence[ExportedClip], folder: Path) -> Mapping[str, str]:
        """The two files of each split."""
        files = {}
        for split, inside in by_split(clips).items():
            files[f"{split}/prompts.txt"] = "".join(f"{clip.caption}\n" for clip in inside)
            files[f"{split}/videos.txt"] = "".join(f"{below_split(self.media(clip))}\n" for clip in inside)
        return files

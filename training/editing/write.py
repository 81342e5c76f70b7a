"""Measures edits and writes them: videos, a side-by-side comparison, a contact sheet, and metrics.

<out>/source.mp4 reconstruction.mp4 edit-1.mp4 ...     one video each
<out>/side_by_side.mp4                                  all of them, from left to right
<out>/sheet.png                                         frames of all of them, with their prompts
<out>/edits.json                                        prompts, metrics, settings

measured = measure(videos, embedder, tuning.decoded_source())
write_edits(out, videos, measured, fps, facts)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from av.video.reformatter import VideoReformatter

from pipeline.media.encode import encode_h264, encode_png, to_bt709
from pipeline.storage.store import Store
from training.editing.metrics import FrameEmbedder, Pixels, frame_consistency, psnr, text_alignment
from training.sampling.sheet import contact_sheet

_CRF, _PRESET = 14, "medium"  # nearly lossless, so that the model is judged and not the encoder
_GAP = 4  # pixels between videos; even, as H.264 needs


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedVideo:
    """A video of an edit: its file's name, its prompt, and its frames `pixels` uint8 [F, H, W, 3]."""

    name: str
    prompt: str
    pixels: Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class EditMetrics:
    """Metrics of a video (`training.editing.metrics`); `psnr` in dB relative to the encoded and decoded source."""

    name: str
    prompt: str
    frame_consistency: float
    text_alignment: float | None
    psnr: float | None


_ABOUT = (
    "Model: Tune-A-Video, an image model tuned on this one clip.",
    "Expect the clip's own motion in every edit, with other objects or another style where the image model knows them; "
    "a reconstruction shows how much of the clip is kept.",
)


def measure(videos: Sequence[EditedVideo], embedder: FrameEmbedder, decoded_source: Pixels) -> list[EditMetrics]:
    """Metrics of every video; for source and reconstruction also the PSNR relative to the decoded source."""
    texts = embedder.embed_texts([video.prompt for video in videos])
    measured = []
    for index, video in enumerate(videos):
        vectors = embedder.embed_frames(video.pixels)
        measured.append(
            EditMetrics(
                name=video.name,
                prompt=video.prompt,
                frame_consistency=frame_consistency(vectors),
                text_alignment=None if texts is None else text_alignment(vectors, texts[index]),
                psnr=psnr(video.pixels, decoded_source) if video.name in ("source", "reconstruction") else None,
            )
        )
    return measured


def write_edits(
    out: str, videos: Sequence[EditedVideo], measured: Sequence[EditMetrics], fps: float, facts: Mapping[str, object]
) -> None:
    """Write videos, sheet and metrics. Raises `DatasetError` if the folder cannot be written."""
    store = Store(out)
    for video in videos:
        store.write(f"{video.name}.mp4", _encode(video.pixels, fps))
    store.write("side_by_side.mp4", _encode(side_by_side([video.pixels for video in videos]), fps))
    title = " | ".join(str(facts[name]) for name in ("checkpoint", "sampling", "codec"))
    rows = [(f"{video.name}: {video.prompt}", video.pixels) for video in videos]
    store.write("sheet.png", encode_png(contact_sheet(title, rows, _ABOUT)))
    described = {**facts, "films": [asdict(metrics) for metrics in measured]}
    store.write("edits.json", (json.dumps(described, indent=2, ensure_ascii=False) + "\n").encode())


def side_by_side(clips: Sequence[Pixels]) -> Pixels:
    """Clips of one shape, uint8 [F, H, W, 3], from left to right, with a white gap between them."""
    frames, height, _, _ = clips[0].shape
    gap = np.full((frames, height, _GAP, 3), 255, np.uint8)
    return np.concatenate([part for clip in clips for part in (gap, clip)][1:], axis=2)


def _encode(clip: Pixels, fps: float) -> bytes:
    reformatter = VideoReformatter()
    return encode_h264((to_bt709(frame, reformatter) for frame in clip), fps, _CRF, _PRESET)

"""What is left of an edit: films beside one another, a sheet, and the measures with what they were taken by.

<out>/source.mp4 reconstruction.mp4 edit-1.mp4 ...     one film each
<out>/side_by_side.mp4                                  all of them, from left to right
<out>/sheet.png                                         frames of all of them, with their prompts
<out>/edits.json                                        prompts, measures, how it was made

python -m pytest tests/training/editing/test_write.py
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from av.video.reformatter import VideoReformatter

from pipeline.media.encode import encode_h264, encode_png, to_bt709
from pipeline.storage.store import Store
from training.editing.metrics import Looker, Pixels, frame_consistency, psnr, text_alignment
from training.sampling.sheet import contact_sheet

_CRF, _PRESET = 14, "medium"  # near lossless: what is judged is the model, not the encoder
_GAP = 4  # pixels between films; sides of H.264 are even


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One film of an edit: its file's name, the prompt that it shows, its frames."""

    name: str
    prompt: str
    pixels: Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Measures of a film (`training.editing.metrics`); `psnr` in dB beside the source as the codec shows it."""

    name: str
    prompt: str
    frame_consistency: float
    text_alignment: float | None
    psnr: float | None


_ABOUT = (
    "Model: Tune-A-Video, an image model that learnt this one clip.",
    "Expect the clip's own motion in every edit and other things or another style in its place, where the image model "
    "knows them; a reconstruction shows how much of the clip it keeps.",
)


def measure(films: Sequence[Film], looker: Looker, shown: Pixels) -> list[Measured]:
    """Measures of every film; of a reconstruction also how near it comes to what the codec shows of the source."""
    texts = looker.read([film.prompt for film in films])
    found = []
    for place, film in enumerate(films):
        vectors = looker.look(film.pixels)
        found.append(
            Measured(
                name=film.name,
                prompt=film.prompt,
                frame_consistency=frame_consistency(vectors),
                text_alignment=None if texts is None else text_alignment(vectors, texts[place]),
                psnr=psnr(film.pixels, shown) if film.name in ("source", "reconstruction") else None,
            )
        )
    return found


def write_edits(
    out: str, films: Sequence[Film], measured: Sequence[Measured], fps: float, facts: Mapping[str, object]
) -> None:
    """Write films, sheet and measures. Raises `DatasetError` if the folder cannot be written."""
    store = Store(out)
    for film in films:
        store.write(f"{film.name}.mp4", _film(film.pixels, fps))
    store.write("side_by_side.mp4", _film(side_by_side([film.pixels for film in films]), fps))
    title = " | ".join(str(facts[name]) for name in ("checkpoint", "sampling", "codec"))
    rows = [(f"{film.name}: {film.prompt}", film.pixels) for film in films]
    store.write("sheet.png", encode_png(contact_sheet(title, rows, _ABOUT)))
    described = {**facts, "films": [asdict(one) for one in measured]}
    store.write("edits.json", (json.dumps(described, indent=2, ensure_ascii=False) + "\n").encode())


def side_by_side(clips: Sequence[Pixels]) -> Pixels:
    """Clips of one shape from left to right, with a white gap between them."""
    frames, height, _, _ = clips[0].shape
    gap = np.full((frames, height, _GAP, 3), 255, np.uint8)
    return np.concatenate([part for clip in clips for part in (gap, clip)][1:], axis=2)


def _film(clip: Pixels, fps: float) -> bytes:
    reformatter = VideoReformatter()
    return encode_h264((to_bt709(frame, reformatter) for frame in clip), fps, _CRF, _PRESET)

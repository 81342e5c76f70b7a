"""Real stills with what the embedded models see in them, as clips to caption: footage of a folder, or single pictures.

Each clip has two stills of one film a moment apart, or one photograph. To have enough of them, every clip also comes
mirrored, cropped and with its colours shifted; a copy is a clip of the same source. Labels, vectors and colours are
measured on the very pixels, and the captions are the embedded captioner's, so nothing here is made up but the copies.

    just bench quality --videos <folder>
"""

import importlib.util
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import av
from PIL import Image, ImageEnhance, ImageOps

from captioning.captioners.colours import measure_appearance
from captioning.captioners.facts import FactsCaptioner
from captioning.chat import ImageBytes
from captioning.joining import join
from captioning.protocols import StillRequest, iterate
from captioning.quality.records import CaptionRecord, FrameCaption
from pipeline.stages.score.scorers.registry import EMBEDDERS, LABELLERS
from schemas.errors import StageError

SIDE = 320
STEP, APART, MOST_CLIPS = 1.5, 0.5, 3  # seconds between clips and between a clip's stills, clips of a source
PHOTOGRAPHS = (
    "coffee.png camera.png astronaut.png chelsea.png rocket.jpg horse.png coins.png moon.png "
    "text.png page.png cell.png "
    "retina.jpg hubble_deep_field.jpg clock_motion.png brick.png grass.png gravel.png "
    "motorcycle_left.png logo.png ihc.png "
    "color.png chessboard_RGB.png"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The stills of one clip as JPEG, with the name of its source."""

    sample_id: str
    source: str
    pictures: tuple[bytes, ...]


def from_videos(folder: Path, names: Sequence[str]) -> list[Shown]:
    """Clips of the named files of a folder; a file that cannot be decoded gives none."""
    clips = []
    for name in names:
        frames = list(_frames(folder / name))
        for number in range(0, min(len(frames) - 1, 2 * MOST_CLIPS), 2):
            clips += _copies(f"{name.replace('/', '-')}-{number // 2}", name, frames[number : number + 2])
    return clips


def from_pictures(files: Sequence[Path]) -> list[Shown]:
    """Clips of single pictures: the picture and its copies, each with one still."""
    clips = []
    for file in files:
        picture = Image.open(file).convert("RGB")
        clips += _copies(file.stem, file.name, [picture])
    return clips


def photographs() -> list[Path]:
    """The pictures that scikit-image carries, as files."""
    found = importlib.util.find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        raise StageError("package scikit-image is not installed; install it or name a folder of videos")
    folder = Path(found.submodule_search_locations[0]) / "data"
    return [folder / name for name in PHOTOGRAPHS.split() if (folder / name).is_file()]


def _frames(file: Path) -> Iterator[Image.Image]:
    """Pairs of frames half a second apart, a pair every one and a half seconds."""
    wanted = 0.0
    try:
        with av.open(str(file)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                time = frame.time if frame.time is not None else number / 25
                if time >= wanted:
                    yield cast(Image.Image, cast(Any, frame).to_image())
                    pairs, second = divmod(wanted, STEP)
                    wanted = pairs * STEP + (APART if second < APART / 2 else STEP)
                if wanted > MOST_CLIPS * STEP:
                    return
    except (av.FFmpegError, IndexError):
        return


def _copies(key: str, source: str, pictures: Sequence[Image.Image]) -> list[Shown]:
    def shown(name: str, changed: Sequence[Image.Image]) -> Shown:
        return Shown(sample_id=f"{key}-{name}", source=source, pictures=tuple(map(_jpeg, changed)))

    mirrored = [ImageOps.mirror(_crop(picture, 0.06)) for picture in pictures]
    shifted = [ImageEnhance.Color(_crop(picture, 0.12)).enhance(0.6) for picture in pictures]
    brighter = [ImageEnhance.Brightness(_crop(picture, 0.09)).enhance(1.25) for picture in pictures]
    named = {"as-it-is": pictures, "mirrored": mirrored, "paler": shifted, "brighter": brighter}
    return [shown(name, changed) for name, changed in named.items()]


def _crop(picture: Image.Image, share: float) -> Image.Image:
    left, top = round(picture.width * share), round(picture.height * share)
    return picture.crop((left, top, picture.width - left, picture.height - top))


def _jpeg(picture: Image.Image) -> bytes:
    kept = picture.convert("RGB")
    kept.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    kept.save(file, "JPEG", quality=90)
    return file.getvalue()


def seen(kept: Sequence[Shown]) -> list[CaptionRecord]:
    """Records of clips: labels, vectors and colours as measured, and frame captions by the embedded captioner."""
    pictures = [picture for clip in kept for picture in clip.pictures]
    vectors = EMBEDDERS["efficientnet_lite0"](threads=2).embed(pictures)
    labels = LABELLERS["imagenet"](threads=2).label(vectors)
    requests = [
        StillRequest(
            still_id=str(place), clip_id="", image=ImageBytes(str(place), picture), time=0.0, labels=tuple(named)
        )
        for place, (picture, named) in enumerate(zip(pictures, labels, strict=True))
    ]
    replies = {reply.still_id: reply for reply in iterate(FactsCaptioner().caption(requests))}
    records, place = [], 0
    for clip in kept:
        frames = []
        for number, picture in enumerate(clip.pictures):
            found = measure_appearance(picture)
            frames.append(
                FrameCaption(
                    still_id=f"{clip.sample_id}-s{number:03d}",
                    time=APART * number,
                    text=replies[str(place)].caption or "",
                    labels=tuple(labels[place]),
                    vector=tuple(vectors[place].tolist()),
                    colours=found.colours,
                    brightness=found.brightness,
                )
            )
            place += 1
        dense = join([frame.text for frame in frames])
        records.append(
            CaptionRecord(
                sample_id=clip.sample_id, source=clip.source, dense=dense, frames=tuple(frames), captioner="facts"
            )
        )
    return records


def told_by_a_person(records: Sequence[CaptionRecord], said: Mapping[str, str]) -> list[CaptionRecord]:
    """The records of sources that a person described, with that description for every frame caption."""
    return [
        replace(
            one,
            dense=said[one.source],
            frames=tuple(replace(frame, text=said[one.source]) for frame in one.frames),
            captioner="person",
        )
        for one in records
        if one.source in said
    ]

"""Real stills with the embedded models' results, as clips to caption: videos of a folder, or single images.

Each clip has two stills of one video a moment apart, or one photograph. To have enough of them, every clip is also used
mirrored, cropped and with shifted colours; a copy is a clip of the same source. Labels, vectors and colours are
measured on the actual pixels, and the captions are the embedded captioner's, so only the copies are synthetic.

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
STEP, APART, MOST_CLIPS = 1.5, 0.5, 3  # seconds between clips, seconds between a clip's stills, most clips of a source
PHOTOGRAPHS = (
    "coffee.png camera.png astronaut.png chelsea.png rocket.jpg horse.png coins.png moon.png "
    "text.png page.png cell.png "
    "retina.jpg hubble_deep_field.jpg clock_motion.png brick.png grass.png gravel.png "
    "motorcycle_left.png logo.png ihc.png "
    "color.png chessboard_RGB.png"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StillClip:
    """The stills of one clip as JPEG, with the name of its source."""

    sample_id: str
    source: str
    pictures: tuple[bytes, ...]


def from_videos(folder: Path, names: Sequence[str]) -> list[StillClip]:
    """Clips of the named files of a folder; a file that cannot be decoded gives none."""
    clips = []
    for name in names:
        frames = list(_frames(folder / name))
        for number in range(0, min(len(frames) - 1, 2 * MOST_CLIPS), 2):
            clips += _copies(f"{name.replace('/', '-')}-{number // 2}", name, frames[number : number + 2])
    return clips


def from_images(files: Sequence[Path]) -> list[StillClip]:
    """Clips of single images: the image and its copies, each with one still."""
    clips = []
    for file in files:
        image = Image.open(file).convert("RGB")
        clips += _copies(file.stem, file.name, [image])
    return clips


def photographs() -> list[Path]:
    """The images that scikit-image contains, as files."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise StageError("package scikit-image is not installed; install it or give a folder of videos")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return [folder / name for name in PHOTOGRAPHS.split() if (folder / name).is_file()]


def _frames(file: Path) -> Iterator[Image.Image]:
    """Pairs of frames half a second apart, one pair every 1.5 seconds."""
    next_time = 0.0
    try:
        with av.open(str(file)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                time = frame.time if frame.time is not None else number / 25
                if time >= next_time:
                    yield cast(Image.Image, cast(Any, frame).to_image())
                    pairs, second = divmod(next_time, STEP)
                    next_time = pairs * STEP + (APART if second < APART / 2 else STEP)
                if next_time > MOST_CLIPS * STEP:
                    return
    except (av.FFmpegError, IndexError):
        return


def _copies(key: str, source: str, images: Sequence[Image.Image]) -> list[StillClip]:
    def shown(name: str, changed: Sequence[Image.Image]) -> StillClip:
        return StillClip(sample_id=f"{key}-{name}", source=source, pictures=tuple(map(_jpeg, changed)))

    mirrored = [ImageOps.mirror(_crop(image, 0.06)) for image in images]
    shifted = [ImageEnhance.Color(_crop(image, 0.12)).enhance(0.6) for image in images]
    brighter = [ImageEnhance.Brightness(_crop(image, 0.09)).enhance(1.25) for image in images]
    named = {"as-it-is": images, "mirrored": mirrored, "paler": shifted, "brighter": brighter}
    return [shown(name, changed) for name, changed in named.items()]


def _crop(image: Image.Image, share: float) -> Image.Image:
    left, top = round(image.width * share), round(image.height * share)
    return image.crop((left, top, image.width - left, image.height - top))


def _jpeg(image: Image.Image) -> bytes:
    kept = image.convert("RGB")
    kept.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    kept.save(file, "JPEG", quality=90)
    return file.getvalue()


def seen(kept: Sequence[StillClip]) -> list[CaptionRecord]:
    """Records of clips: labels, vectors and colours as measured, and frame captions by the embedded captioner."""
    images = [image for clip in kept for image in clip.pictures]
    vectors = EMBEDDERS["efficientnet_lite0"](threads=2).embed(images)
    labels = LABELLERS["imagenet"](threads=2).label(vectors)
    requests = [
        StillRequest(
            still_id=str(index), clip_id="", image=ImageBytes(str(index), image), time=0.0, labels=tuple(named)
        )
        for index, (image, named) in enumerate(zip(images, labels, strict=True))
    ]
    replies = {reply.still_id: reply for reply in iterate(FactsCaptioner().caption(requests))}
    records, index = [], 0
    for clip in kept:
        frames = []
        for number, image in enumerate(clip.pictures):
            facts = measure_appearance(image)
            frames.append(
                FrameCaption(
                    still_id=f"{clip.sample_id}-s{number:03d}",
                    time=APART * number,
                    text=replies[str(index)].caption or "",
                    labels=tuple(labels[index]),
                    vector=tuple(vectors[index].tolist()),
                    colours=facts.colours,
                    brightness=facts.brightness,
                )
            )
            index += 1
        dense = join([frame.text for frame in frames])
        records.append(
            CaptionRecord(
                sample_id=clip.sample_id, source=clip.source, dense=dense, frames=tuple(frames), captioner="facts"
            )
        )
    return records


def with_human_descriptions(records: Sequence[CaptionRecord], descriptions: Mapping[str, str]) -> list[CaptionRecord]:
    """The records of sources with a human description, which is used for every frame caption."""
    return [
        replace(
            record,
            dense=descriptions[record.source],
            frames=tuple(replace(frame, text=descriptions[record.source]) for frame in record.frames),
            captioner="person",
        )
        for record in records
        if record.source in descriptions
    ]

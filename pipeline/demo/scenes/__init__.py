"""Rendered scenes: drawn animations, so that the demo has shots of any length, shape and rate.

A scene is a function of size and variant (palette and seed) that prepares the static parts and returns a painter, a
pure function from a time in seconds to an image. A new scene is one function and one line in `SCENES`.

    python -m pipeline.demo.sheet generated/rendered/toys.mp4 sheet.png
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.demo.drawing import Image
from pipeline.demo.scenes import city, land, slides, space, toys, water, weather

Painter = Callable[[float], Image]

SCENES: dict[str, Callable[[int, int, int], Painter]] = {
    "aquarium": water.aquarium,
    "aurora": weather.aurora,
    "balloons": toys.balloons,
    "balls": toys.balls,
    "clouds": weather.clouds,
    "fireworks": city.fireworks,
    "road": land.road,
    "sea": water.sea,
    "skyline": city.skyline,
    "slide": slides.slide,
    "snow": land.snow,
    "solar system": space.solar_system,
    "starfield": space.starfield,
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A scene in one of its variants."""

    scene: str
    variant: int = 0

    @property
    def name(self) -> str:
        """What it shows, for people."""
        return f"{self.scene}, variant {self.variant}"

    def frames(self, times: Sequence[float], width: int, height: int) -> Iterator[Image]:
        """The scene at the given seconds."""
        paint = SCENES[self.scene](width, height, self.variant)
        return (paint(time) for time in times)

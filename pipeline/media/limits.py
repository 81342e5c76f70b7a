"""What a picture or a film may cost, checked before its pixels are made; what exceeds it is refused by name.

A kilobyte of a compressed file can stand for gigabytes of pixels, so sizes are compared as soon as a header tells them.

    check_pixels(picture.width, picture.height, limits)
"""

from schemas.errors import MediaError
from schemas.limits import Limits

DEFAULT = Limits()
MAX_PIXELS = DEFAULT.pixels


def check_pixels(width: int, height: int, limits: Limits = DEFAULT) -> None:
    """Raise `MediaError` if a picture or frame of this size in pixels is larger than `limits.pixels`."""
    if width * height > limits.pixels:
        raise MediaError(
            f"{width}x{height} pixels are {width * height / 1e6:,.0f} million, "
            f"more than limits.pixels = {limits.pixels} ({limits.pixels / 1e6:,.0f} million)"
        )

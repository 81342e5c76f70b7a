"""What a picture or a film may cost, checked before its pixels are made; what exceeds it is refused by name.

A kilobyte of a compressed file can stand for gigabytes of pixels, so sizes are compared as soon as a header tells them.

    check_pixels(picture.width, picture.height, limits)
"""

from av.container import InputContainer
from av.stream import Disposition

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


def check_bytes(size: int, limits: Limits = DEFAULT) -> None:
    """Raise `MediaError` if an object of `size` bytes is larger than `limits.object_gigabytes`."""
    if size > limits.object_gigabytes * 1e9:
        raise MediaError(f"{size / 1e9:,.1f} GB, more than limits.object_gigabytes = {limits.object_gigabytes:g}")


def check_claims(container: InputContainer, limits: Limits = DEFAULT) -> None:
    """Raise `MediaError` if what a container's header claims - streams, length, frames, sizes - exceeds a limit."""
    streams, seconds = len(container.streams), (container.duration or 0) / 1e6
    if streams > limits.streams:
        raise MediaError(f"{streams} streams, more than limits.streams = {limits.streams}")
    if seconds > limits.seconds:
        raise MediaError(f"claims {seconds:,.0f} s, more than limits.seconds = {limits.seconds:g}")
    for stream in container.streams.video:
        if stream.codec_context is None or stream.disposition & Disposition.attached_pic:
            continue
        if stream.frames > limits.frames:
            raise MediaError(f"claims {stream.frames} frames, more than limits.frames = {limits.frames}")
        aspect = float(stream.sample_aspect_ratio or 1) or 1.0
        width, height = stream.codec_context.width, stream.codec_context.height
        check_pixels(width, height, limits)
        check_pixels(round(width * aspect), height, limits)

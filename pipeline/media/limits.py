"""Limits on what an image or a video may cost, checked before its pixels are allocated.

A kilobyte of a compressed file can expand to gigabytes of pixels, so sizes are checked as soon as the header is read.
Limits apply to a process, as the operating system's do; each worker process is given those of the run.

    check_pixels(image.width, image.height)
"""

from av.container import InputContainer
from av.stream import Disposition

from schemas.errors import MediaError
from schemas.limits import Limits

DEFAULT = Limits()
MAX_PIXELS = DEFAULT.pixels
_GRACE_SECONDS = 60.0
# A day of video that is interrupted every minute and a half.
MAX_SEGMENTS = 1000

_in_force = DEFAULT


def set_limits(limits: Limits) -> None:
    """Set the limits of this process."""
    global _in_force
    _in_force = limits


def current_limits() -> Limits:
    """The limits of this process."""
    return _in_force


def check_pixels(width: int, height: int, cost: int = 1) -> None:
    """Raise `MediaError` if an image of this size in pixels is larger than `limits.pixels` over `cost`.

    `cost` is the memory that this format's reader takes per pixel, relative to the other readers.
    """
    _refuse_pixels(width, height, "pixels" if cost == 1 else f"pixels / {cost}", _in_force.pixels // cost)


def check_frame_pixels(width: int, height: int) -> None:
    """Raise `MediaError` if frames of this size in pixels are larger than `limits.frame_pixels`."""
    _refuse_pixels(width, height, "frame_pixels", _in_force.frame_pixels)


def _refuse_pixels(width: int, height: int, name: str, most: int) -> None:
    if width * height > most:
        raise MediaError(
            f"{width}x{height} pixels are {width * height / 1e6:,.0f} million, "
            f"more than limits.{name} = {most} ({most / 1e6:,.0f} million)"
        )


def check_bytes(size: int) -> None:
    """Raise `MediaError` if an object of `size` bytes is larger than `limits.object_gigabytes`."""
    if size > _in_force.object_gigabytes * 1e9:
        raise MediaError(f"{size / 1e9:,.1f} GB, more than limits.object_gigabytes = {_in_force.object_gigabytes:g}")


def check_frames(frames: int) -> None:
    """Raise `MediaError` if a stream of this many frames, claimed or counted, has more than `limits.frames`."""
    if frames > _in_force.frames:
        raise MediaError(f"{frames} frames, more than limits.frames = {_in_force.frames}")


def check_segments(segments: int) -> None:
    """Raise `MediaError` if a video's timestamps jump more than `MAX_SEGMENTS` times; each jump costs a row."""
    if segments > MAX_SEGMENTS:
        raise MediaError(
            f"its timestamps jump {segments - 1} times, more than {MAX_SEGMENTS} segments of one video: remux it "
            "with regenerated timestamps"
        )


def check_claims(container: InputContainer) -> None:
    """Raise `MediaError` if what a container's header claims (streams, duration, frames, sizes) exceeds a limit."""
    streams, seconds = len(container.streams), (container.duration or 0) / 1e6
    if streams > _in_force.streams:
        raise MediaError(f"{streams} streams, more than limits.streams = {_in_force.streams}")
    if seconds > _in_force.seconds:
        raise MediaError(f"claims {seconds:,.0f} s, more than limits.seconds = {_in_force.seconds:g}")
    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic:
            check_frames(stream.frames)
            check_frame_pixels(stream.codec_context.width, stream.codec_context.height)


class DecodeBudget:
    """The CPU time that decoding a video may take: a minute, and `limits.decode_seconds` for each second of media."""

    def __init__(self) -> None:
        self._spent = 0.0

    def spend(self, cpu_seconds: float, media_seconds: float) -> None:
        """Add the CPU time of one call; `media_seconds` were decoded so far. Raises `MediaError` over the budget."""
        self._spent += cpu_seconds
        if self._spent > _GRACE_SECONDS + _in_force.decode_seconds * media_seconds:
            raise MediaError(
                f"decoding took {self._spent:,.0f} s of CPU for {media_seconds:,.1f} s of media, "
                f"more than limits.decode_seconds = {_in_force.decode_seconds:g} for each"
            )

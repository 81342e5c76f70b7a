"""Bits per pixel: what the source's codec spent on a clip, of the packets that the decode pass demuxed anyway."""

from pipeline.media.decode import PacketSizes


def bits_per_pixel(packets: PacketSizes, start: float, end: float, frames: int, pixels: int) -> float | None:
    """Packet bits of the time from `start` to `end` over the `pixels` of its `frames`, >= 0; None if none is known."""
    size = packets.between(start, end)
    return round(8 * size / (pixels * frames), 6) if size else None

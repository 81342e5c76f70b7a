"""Bits per pixel: the source's bit rate in a clip, from the packets that the decode pass demuxes anyway.

bits_per_pixel(decoder.packets, start=4.0, end=6.5, frames=60, pixels=1280 * 720)
"""

from pipeline.media.decode import PacketSizes


def bits_per_pixel(packets: PacketSizes, start: float, end: float, frames: int, pixels: int) -> float | None:
    """Packet bits between `start` and `end` (seconds) per pixel of its `frames`, >= 0; None if there are none."""
    size = packets.between(start, end)
    return round(8 * size / (pixels * frames), 6) if size else None

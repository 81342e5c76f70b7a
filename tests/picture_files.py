"""Picture files for tests that no library writes: ICC profiles by their primaries, TIFF by its tags, PNG by its chunks.

from tests.picture_files import icc_profile, tiff_bytes
"""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Primaries and the curve's exponent (the ICC's white is D50 for all; their whites are D65).
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))
SRGB = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_D65, _D50 = (0.3127, 0.3290), (0.9642, 1.0, 0.8249)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

Matrix = NDArray[np.float64]


def to_xyz(primaries: Sequence[tuple[float, float]]) -> Matrix:
    """The matrix from linear RGB with a D65 white to XYZ with that white."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    x, y = _D65
    white = np.array([x / y, 1.0, (1 - x - y) / y])
    return np.asarray(columns * np.linalg.solve(columns, white))


def icc_profile(primaries: Sequence[tuple[float, float]] | None, gamma: float) -> bytes:
    """A profile of version 2: three primaries and one exponent, or a grey one where there are none."""
    tags = {b"wtpt": _xyz(_D50), b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79)}
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    if primaries is None:
        tags[b"kTRC"] = curve
    else:
        x, y = _D65
        cones = _BRADFORD @ np.array([x / y, 1.0, (1 - x - y) / y])
        adapted = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ np.array(_D50) / cones) @ _BRADFORD @ to_xyz(primaries)
        tags |= {name: _xyz(adapted[:, column]) for column, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    space = b"GRAY" if primaries is None else b"RGB "
    head = struct.pack(">I4sI4s4s4s12x4s", offset + len(body), bytes(4), 0x02100000, b"mntr", space, b"XYZ ", b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", *(round(value * 65536) for value in _D50))
    return head.ljust(128, b"\0") + table + body


def _xyz(values: Sequence[float] | NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def tiff_bytes(pages: Sequence[tuple[dict[int, tuple[int, ...]], bytes]], order: str = "<") -> bytes:
    """An uncompressed TIFF; each page is its tags beyond the plain ones (LONG values) and its only strip."""
    data = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    for number, (tags, strip) in enumerate(pages):
        listed = {**tags, 259: (1,), 279: (len(strip),)}
        start = len(data)
        after = start + 2 + 12 * (len(listed) + 1) + 4
        extra = b""
        listed[273] = (after,)
        entries = b""
        for tag, values in sorted(listed.items()):
            if len(values) > 1:
                offset = after + len(strip) + len(extra)
                extra += struct.pack(order + f"{len(values)}I", *values)
            else:
                offset = values[0]
            entries += struct.pack(order + "HHII", tag, 4, len(values), offset)
        following = after + len(strip) + len(extra) if number + 1 < len(pages) else 0
        data += struct.pack(order + "H", len(listed)) + entries + struct.pack(order + "I", following) + strip + extra
    return data


def grey_tags(width: int, height: int, bits: int = 16, photometric: int = 1) -> dict[int, tuple[int, ...]]:
    """Tags of a grey page of this many bits a pixel."""
    return {256: (width,), 257: (height,), 258: (bits,), 262: (photometric,), 277: (1,), 278: (height,)}


def png_bytes(pixels: NDArray[np.generic], colour_type: int, chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG of the values as they are (8 or 16 bits), with further chunks before the picture's data."""
    height, width = pixels.shape[:2]
    bits = 8 * pixels.dtype.itemsize
    rows = pixels.astype(f">u{bits // 8}").reshape(height, -1)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    every = [(b"IHDR", header), *chunks, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in every
    )

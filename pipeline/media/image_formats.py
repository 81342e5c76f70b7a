"""Identifies image formats by a file's first bytes, never by its name, and says which are supported.

Supported are the formats in which photographs are exchanged and which Pillow reads without other files. The others are
recognised so that the error can name them; FFmpeg would take many of them for videos of one frame.

    identify(file.read(HEAD_BYTES))
"""

import re
import struct
from dataclasses import dataclass

HEAD_BYTES = 4096

_READ = (
    ("JPEG", b"\xff\xd8\xff"),
    ("PNG", b"\x89PNG\r\n\x1a\n"),
    ("GIF", b"GIF87a"),
    ("GIF", b"GIF89a"),
    ("TIFF", b"II*\x00"),
    ("TIFF", b"MM\x00*"),
    ("TIFF", b"II+\x00"),  # BigTIFF
    ("TIFF", b"MM\x00+"),
    ("JPEG2000", b"\x00\x00\x00\x0cjP  \r\n\x87\n"),
    ("JPEG2000", b"\xff\x4f\xff\x51\x00"),
)
_NOT_READ = (
    ("PSD", b"8BPS"),
    ("XCF", b"gimp xcf"),
    ("JPEG XL", b"\xff\x0a"),
    ("JPEG XL", b"\x00\x00\x00\x0cJXL \r\n\x87\n"),
    ("JPEG XR", b"II\xbc\x01"),
    ("JNG", b"\x8bJNG\r\n\x1a\n"),
    ("MNG", b"\x8aMNG\r\n\x1a\n"),
    ("EPS", b"%!PS"),
    ("EPS", b"\xc5\xd0\xd3\xc6"),
    ("PDF", b"%PDF-"),
    ("DjVu", b"AT&TFORM"),
    ("OpenEXR", b"v/1\x01"),
    ("Radiance HDR", b"#?RADIANCE"),
    ("Radiance HDR", b"#?RGBE"),
    ("DPX", b"SDPX"),
    ("DPX", b"XPDS"),
    ("Cineon", b"\x80\x2a\x5f\xd7"),
    ("FITS", b"SIMPLE  ="),
    ("DDS", b"DDS "),
    ("KTX", b"\xabKTX"),
    ("QOI", b"qoif"),
    ("BPG", b"BPG\xfb"),
    ("FLIF", b"FLIF"),
    ("ICNS", b"icns"),
    ("WMF", b"\xd7\xcd\xc6\x9a"),
    ("Sun raster", b"\x59\xa6\x6a\x95"),
    ("SGI", b"\x01\xda\x00"),
    ("SGI", b"\x01\xda\x01"),
    ("XPM", b"/* XPM */"),
    ("farbfeld", b"farbfeld"),
    ("camera raw, RAF", b"FUJIFILMCCD-RAW"),
    ("camera raw, ORF", b"IIRO"),
    ("camera raw, ORF", b"IIRS"),
    ("camera raw, ORF", b"MMOR"),
    ("camera raw, RW2", b"IIU\x00"),
    ("camera raw, X3F", b"FOVb"),
    ("camera raw, MRW", b"\x00MRM"),
)
_NETPBM = re.compile(rb"P[1-6Ff]\s+[#\d]|P7\nWIDTH")
_FIRST_ELEMENT = re.compile(rb"<(?:[A-Za-z][\w.-]*:)?([A-Za-z][\w.-]*)")
# Where AVIF and PNG store their transfer curve (ITU-T H.273, table 3): 16 is PQ, 18 is HLG.
_HDR_MARK = re.compile(rb"(?s)colrnclx..\x00([\x10\x12])|\x00\x00\x00\x04cICP.([\x10\x12])")
# Brands of the ISO base media format (HEIF: ISO/IEC 23008-12, annex B; AVIF 1.1, section 6).
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """An image format: its name (Pillow's, if it is supported), and whether it `is_read`."""

    name: str
    is_read: bool


def identify(head: bytes) -> ImageFormat | None:
    """The image format of a file that begins with `head`; None if it is not an image."""
    if name := _name_not_read(head):
        return ImageFormat(name, is_read=False)
    if name := _name_read(head):
        return ImageFormat(name, is_read=True)
    if name := _name_by_shape(head):
        return ImageFormat(name, is_read=False)
    return None


def hdr_curve(head: bytes) -> str | None:
    """`PQ` or `HLG` if an AVIF or PNG that begins with `head` is HDR, else None."""
    mark = _HDR_MARK.search(head)
    return None if mark is None else {b"\x10": "PQ", b"\x12": "HLG"}[mark[1] or mark[2]]


def _name_not_read(head: bytes) -> str | None:
    brands = _brands(head)
    if b"crx " in brands:
        return "camera raw, CR3"
    if head[:4] == b"II*\x00" and head[8:10] == b"CR":  # else as TIFF
        return "camera raw, CR2"
    if brands & _HEIF_BRANDS and not brands & _AVIF_BRANDS:
        return "HEIC"
    return next((name for name, magic in _NOT_READ if head.startswith(magic)), None)


def _name_read(head: bytes) -> str | None:
    if (head[:4], head[8:12]) == (b"RIFF", b"WEBP"):
        return "WEBP"
    # Two letters are weak evidence: the size of the header that follows must be one of those that exist.
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124):
        return "BMP"
    if _brands(head) & _AVIF_BRANDS:
        return "AVIF"
    return next((name for name, magic in _READ if head.startswith(magic)), None)


def _name_by_shape(head: bytes) -> str | None:
    """Formats without a magic number, recognised by fields that must have certain values."""
    if _NETPBM.match(head):
        return "netpbm"
    if head[:4] == b"\x01\x00\x00\x00" and head[40:44] == b" EMF":
        return "EMF"
    if _is_icon(head):
        return "ICO" if head[2] == 1 else "CUR"
    if _is_paintbrush(head):
        return "PCX"
    if _is_targa(head):
        return "TGA"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    element = _FIRST_ELEMENT.search(text) if text.startswith(b"<") else None
    return "SVG" if element and element[1] == b"svg" else None


def _brands(head: bytes) -> set[bytes]:
    """Major and compatible brands of a file of the ISO base media format."""
    if head[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(head[:4]), len(head))
    return {head[8:12], *(head[start : start + 4] for start in range(16, size - 3, 4))}


def _is_icon(head: bytes) -> bool:
    if len(head) < 22 or head[:4] not in (b"\x00\x00\x01\x00", b"\x00\x00\x02\x00"):
        return False
    count, reserved, offset = int.from_bytes(head[4:6], "little"), head[9], int.from_bytes(head[18:22], "little")
    return count > 0 and reserved == 0 and 6 + 16 * count <= offset < 1 << 24


def _is_paintbrush(head: bytes) -> bool:
    return (
        len(head) > 64 and head[0] == 10 and head[1] <= 5 and head[2] == 1 and head[3] in (1, 2, 4, 8) and not head[64]
    )


def _is_targa(head: bytes) -> bool:
    if len(head) < 18:
        return False
    mapped, kind = head[1], head[2]
    width, height, bits, descriptor = struct.unpack_from("<HHBB", head, 12)
    kinds = {0: (2, 3, 10, 11), 1: (1, 9)}.get(mapped, ())
    empty_map = mapped == 1 or head[3:8] == bytes(5)
    return kind in kinds and empty_map and bits in (8, 15, 16, 24, 32) and width and height and not descriptor & 0xC0

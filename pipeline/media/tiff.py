"""Decides by the tags of its first page whether a TIFF file is an image or something else stored as TIFF.

TIFF also stores camera raw data behind a thumbnail, scanned documents of many pages, and measurements in floating
point. Only a file with one image of a known white is read (TIFF 6.0; DNG 1.7; TIFF technical note 1 for pages).

    check_tiff(file)
"""

import itertools
from typing import IO

from PIL import Image
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    SAMPLEFORMAT,
    ImageFileDirectory_v2,
    TiffImageFile,
)

from schemas.errors import MediaError

_SUBFILE_TYPE, _DNG_VERSION = 254, 50706
_REDUCED, _MASK = 1, 4
_SENSOR = (32803, 34892)  # a colour filter array, linear raw
_WHITE_IS_ZERO = 0
_FLOAT, _UNSIGNED = 3, 1
# An image pyramid halves its size each page: more pages than this cannot be sizes of one image.
_MOST_SIZES = 24


def check_tiff(file: IO[bytes]) -> None:
    """Raise `MediaError` for a TIFF file that is not an image of integers. The file position is restored."""
    start = file.tell()
    header = file.read(8)
    big = header[2:4] in (b"\x00+", b"+\x00")
    tags = ImageFileDirectory_v2(header + file.read(8) if big else header)
    file.seek(tags.next)
    tags.load(file)
    file.seek(start)
    if _is_camera_raw(tags):
        raise MediaError("image format that is not read (camera raw in TIFF): develop it to PNG or JPEG")
    formats, bits = set(tags.get(SAMPLEFORMAT, (_UNSIGNED,))), max(tags.get(BITSPERSAMPLE, (1,)))
    if formats == {_FLOAT}:
        raise MediaError(f"TIFF of {bits}-bit floating point: it has no defined white; export it with 8 or 16 bits")
    if formats != {_UNSIGNED} or bits > 16:
        raise MediaError(f"TIFF of {bits}-bit numbers, not a photograph's: export it with 8 or 16 bits")


def check_pages(image: TiffImageFile) -> None:
    """Raise `MediaError` if a page is not a smaller size or a mask of the first. Leaves the image at the first."""
    for page in itertools.count(1):
        try:
            image.seek(page)
        except EOFError:
            break
        if page > _MOST_SIZES or not image.tag_v2.get(_SUBFILE_TYPE, 0) & (_REDUCED | _MASK):
            raise MediaError("TIFF of several pages, of which only one can be used: export them as single files")
    image.seek(0)


def stored_size(image: TiffImageFile) -> tuple[int, int]:
    """Width and height as stored; Pillow gives them as displayed."""
    return int(image.tag_v2[IMAGEWIDTH]), int(image.tag_v2[IMAGELENGTH])


def white_of(image: Image.Image) -> tuple[int, int]:
    """The values of (black, white) of a grey image of up to 16 bits; TIFF allows either to be zero."""
    if not isinstance(image, TiffImageFile):
        return 0, 65535
    white = (1 << max(image.tag_v2.get(BITSPERSAMPLE, (16,)))) - 1
    return (white, 0) if image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO else (0, white)


def _is_camera_raw(tags: ImageFileDirectory_v2) -> bool:
    # Raw files begin with a thumbnail; an ordinary image's first page is never a reduced version of another.
    thumbnail = tags.get(_SUBFILE_TYPE, 0) & _REDUCED
    return bool(_DNG_VERSION in tags or thumbnail or tags.get(PHOTOMETRIC_INTERPRETATION) in _SENSOR)

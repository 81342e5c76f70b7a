"""Image formats by their first bytes: each is recognised by name, and no video is taken for an image.

python -m pytest tests/pipeline/media/test_image_formats.py
"""

import io
import struct
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.media.image_file import open_image
from pipeline.media.image_formats import HEAD_BYTES, identify
from schemas.errors import MediaError
from tests.films import make_film, texture

SVG = b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
ICON = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, 1128, 22)
MADE = {
    "PSD": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 40, 60, 8, 3),
    "XCF": b"gimp xcf file\0",
    "SVG": SVG,
    "JPEG XL": b"\xff\x0a\xfa\x1f\x01",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "PDF": b"%PDF-1.7\n",
    "ICO": ICON + bytes(1200),
    "HEIC": struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic",
    "camera raw, CR2": b"II*\0\x10\0\0\0CR\2\0",
    "camera raw, CR3": struct.pack(">I", 24) + b"ftypcrx \0\0\0\1crx isom",
    "camera raw, RAF": b"FUJIFILMCCD-RAW 0201",
    "OpenEXR": b"v/1\x01\2\0\0\0",
    "Radiance HDR": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n",
    "netpbm": b"P6\n60 40\n255\n",
    "DPX": b"SDPX\0\0\x08\0",
    "FITS": b"SIMPLE  =                    T",
    "QOI": b"qoif" + struct.pack(">II", 60, 40),
}
WRITTEN_BY_PILLOW = {
    "PCX": "PCX",
    "TGA": "TGA",
    "DDS": "DDS",
    "ICO": "ICO",
    "ICNS": "ICNS",
    "SGI": "SGI",
    "PPM": "netpbm",
}


@pytest.mark.parametrize("name", list(MADE))
def test_what_is_not_read_is_refused_by_its_name_whatever_the_file_is_called(name: str, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(MADE[name].ljust(4096, b"\0"))
    with pytest.raises(MediaError, match=rf"image format that is not read \({name}\): convert it to PNG or JPEG"):
        open_image(BytesIO(path.read_bytes()))


@pytest.mark.parametrize(("writer", "name"), WRITTEN_BY_PILLOW.items())
@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_formats_without_a_strong_mark_are_told_by_their_shape(writer: str, name: str, mode: str) -> None:
    if (writer, mode) in (("DDS", "P"), ("SGI", "P"), ("PPM", "P")):
        mode = "L"
    buffer = io.BytesIO()
    Image.fromarray(texture(3, 64, 64)).convert(mode).save(buffer, writer)
    image_format = identify(buffer.getvalue()[:HEAD_BYTES])
    assert image_format is not None
    assert (image_format.name, image_format.is_read) == (name, False)


def test_a_page_with_a_drawing_in_it_is_no_drawing() -> None:
    assert identify(b"<!DOCTYPE html><html><body><svg></svg></body></html>") is None
    assert identify(b"<MPD><svg/></MPD>") is None


@pytest.mark.parametrize(
    ("name", "codec"),
    [("film.mp4", "libx264"), ("film.mkv", "libx264"), ("film.ts", "libx264"), ("film.avi", "mpeg4"),
     ("film.mpg", "mpeg2video"), ("film.webm", "libvpx"), ("film.h264", "libx264"), ("film.m2v", "mpeg2video")],
)  # fmt: skip
def test_videos_are_not_images(name: str, codec: str, tmp_path: Path) -> None:
    make_film(tmp_path / name, [texture(3, 64, 48)] * 3, codec=codec)
    assert open_image(BytesIO((tmp_path / name).read_bytes())) is None


@given(st.binary(max_size=64))
def test_no_bytes_break_the_table_and_what_is_known_has_a_name(head: bytes) -> None:
    known = identify(head)
    assert known is None or known.name


WHOLE = {}
for _format in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000"):
    _buffer = io.BytesIO()
    Image.fromarray(texture(3, 60, 40)).save(_buffer, _format)
    WHOLE[_format] = _buffer.getvalue()


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8))
def test_damage_is_a_reason_or_an_image_never_another_error(format: str, damage: list[tuple[float, int]]) -> None:
    data = bytearray(WHOLE[format])
    for position, value in damage:
        data[int(position * (len(data) - 1))] = value
    try:
        image = open_image(io.BytesIO(bytes(data)))
    except MediaError:
        return
    assert image is None or (image.pixels.ndim, image.pixels.dtype.name) == (3, "uint8")

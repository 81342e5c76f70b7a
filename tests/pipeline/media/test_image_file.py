"""Image files: supported ones have correct depth, colour, background and orientation; others are refused by name.

python -m pytest tests/pipeline/media/test_image_file.py
"""

import io
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.media.decode import Decoder
from pipeline.media.image_file import open_image, read_image
from pipeline.media.probe import probe
from pipeline.media.rgb import RgbConverter
from schemas.errors import MediaError
from schemas.limits import Limits
from tests.films import texture
from tests.picture_files import grey_tags, png_bytes, tiff_bytes

PICTURE = texture(3, 60, 40)
GREY = np.asarray(cv2.cvtColor(PICTURE, cv2.COLOR_RGB2GRAY), np.uint8)
LOSSLESS: dict[str, dict[str, object]] = {
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "JPEG": {"quality": 100, "subsampling": "4:4:4"},
}


def _saved(path: Path, image: Image.Image, format: str, **options: object) -> str:
    image.save(path, format, **{**LOSSLESS.get(format, {}), **options})
    return str(path)


def _written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "JPEG"])
def test_formats_are_told_by_content_and_give_the_same_image(format: str, tmp_path: Path) -> None:
    path = _saved(tmp_path / "picture.mp4", Image.fromarray(PICTURE), format)
    shown = read_image(path)
    assert np.abs(shown.astype(int) - PICTURE).mean() < (2 if format in LOSSLESS else 0.001)
    facts = probe(path, 1)
    assert (facts.kind, facts.container, facts.width, facts.height) == ("image", format.lower(), 60, 40)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, PICTURE),
        (2, PICTURE[:, ::-1]),
        (3, PICTURE[::-1, ::-1]),
        (4, PICTURE[::-1]),
        (5, PICTURE.transpose(1, 0, 2)),
        (6, np.rot90(PICTURE, -1)),
        (7, PICTURE[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(PICTURE)),
    ],
)
def test_images_are_read_upright(format: str, orientation: int, upright: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = _saved(tmp_path / "picture", Image.fromarray(PICTURE), format, exif=exif)
    shown = read_image(path)
    assert shown.shape == upright.shape
    assert np.abs(shown.astype(int) - upright).mean() < 2
    facts = probe(path, 1)
    assert (facts.coded_width, facts.coded_height) == (60, 40)
    assert (facts.height, facts.width) == upright.shape[:2]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_keep_their_mean(suffix: str, channels: int, tmp_path: Path) -> None:
    deep = (PICTURE if channels > 1 else GREY).astype(np.uint16) * 257
    if channels == 4:
        deep = np.dstack([deep, np.full(GREY.shape, 65535, np.uint16)])
    path = str(tmp_path / f"deep{suffix}")
    assert cv2.imwrite(path, deep if channels == 1 else deep[..., [2, 1, 0, 3][:channels]])
    expected = PICTURE if channels > 1 else np.dstack([GREY] * 3)
    assert np.array_equal(read_image(path), expected)


@pytest.mark.parametrize(("order", "photometric"), [("<", 1), (">", 1), ("<", 0)])
def test_sixteen_bit_grey_tiff_of_either_order_and_polarity(order: str, photometric: int, tmp_path: Path) -> None:
    stored = GREY if photometric else 255 - GREY
    strip = (stored.astype(np.uint16) * 257).astype(f"{order}u2").tobytes()
    data = tiff_bytes([(grey_tags(60, 40, 16, photometric), strip)], order)
    assert np.array_equal(read_image(_written(tmp_path / "grey.tif", data))[..., 0], GREY)


def test_twelve_bit_tiff_is_scaled_by_its_own_white(tmp_path: Path) -> None:
    values = np.round(GREY.astype(float) * 4095 / 255).astype(np.uint16).reshape(-1, 2)
    packed = np.stack([values[:, 0] >> 4, (values[:, 0] & 15) << 4 | values[:, 1] >> 8, values[:, 1] & 255], 1)
    data = tiff_bytes([(grey_tags(60, 40, 12), packed.astype(np.uint8).tobytes())])
    assert np.array_equal(read_image(_written(tmp_path / "grey.tif", data))[..., 0], GREY)


def test_grey_and_bilevel_images_have_three_equal_channels(tmp_path: Path) -> None:
    grey = read_image(_saved(tmp_path / "grey.png", Image.fromarray(GREY), "PNG"))
    assert np.array_equal(grey, np.dstack([GREY] * 3))
    bilevel = read_image(_saved(tmp_path / "bilevel.png", Image.fromarray(GREY > 100), "PNG"))
    assert np.array_equal(bilevel, np.dstack([np.where(GREY > 100, 255, 0)] * 3))


def _noise_with_hole() -> tuple[np.ndarray, np.ndarray]:
    """Noise with an alpha channel: the left half transparent, the right opaque, a half-transparent stripe between."""
    noise = np.random.default_rng(1).integers(0, 200, (40, 60, 3), np.uint8)
    alpha = np.zeros((40, 60), np.uint8)
    alpha[:, 30:] = 255
    alpha[:, 28:30] = 128
    return noise, alpha


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "AVIF"])
def test_what_alpha_hides_does_not_ship(format: str, tmp_path: Path) -> None:
    noise, alpha = _noise_with_hole()
    options = {"exact": True} if format == "WEBP" else {}
    path = _saved(tmp_path / "cutout", Image.fromarray(np.dstack([noise, alpha])), format, **options)
    shown = read_image(path)
    assert (shown[:, :28] == 255).all()
    assert np.abs(shown[:, 30:].astype(int) - noise[:, 30:]).mean() < (8 if format == "AVIF" else 0.01)
    stripe = noise[:, 28:30] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(shown[:, 28:30] - stripe).mean() < (8 if format == "AVIF" else 1)


def test_grey_with_alpha_and_palettes_and_colour_keys_are_flattened(tmp_path: Path) -> None:
    noise, alpha = _noise_with_hole()
    alpha[alpha == 128] = 0
    hidden = alpha == 0
    grey = noise[..., 0]
    with_alpha = Image.fromarray(np.dstack([grey, alpha]), "LA")
    assert (read_image(_saved(tmp_path / "la.png", with_alpha, "PNG"))[hidden] == 255).all()
    palette = Image.fromarray(np.where(hidden, 1 + grey % 3, 4 + grey % 9).astype(np.uint8), "P")
    palette.putpalette([(37 * index) % 250 for index in range(48)])
    shown = read_image(_saved(tmp_path / "p.png", palette, "PNG", transparency=bytes([255, 0, 0, 0])))
    assert (shown[hidden] == 255).all()
    assert np.array_equal(shown[~hidden], np.asarray(palette.convert("RGB"))[~hidden])
    keyed = np.where(hidden, 7, np.maximum(grey, 8))
    assert (read_image(_saved(tmp_path / "l.png", Image.fromarray(keyed), "PNG", transparency=7))[hidden] == 255).all()
    gif = palette.copy()
    gif.putdata(np.where(hidden, 1, 4 + grey % 9).ravel().tolist())
    assert (read_image(_saved(tmp_path / "p.gif", gif, "GIF", transparency=1))[hidden] == 255).all()


@pytest.mark.parametrize("colour_type", [0, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_transparent_colour_of_a_png_is_the_ground(colour_type: int, bits: int, tmp_path: Path) -> None:
    noise, alpha = _noise_with_hole()
    scale = 257 if bits == 16 else 1
    values = (noise if colour_type == 2 else noise[..., :1]).astype(np.uint16) * scale
    values[alpha < 255] = 210 * scale
    data = values.astype(np.uint16 if bits == 16 else np.uint8)
    key = np.full(values.shape[2], 210 * scale, ">u2").tobytes()
    shown = read_image(_written(tmp_path / "key.png", png_bytes(data, colour_type, [(b"tRNS", key)])))
    assert (shown[alpha < 255] == 255).all()
    assert np.array_equal(shown[alpha == 255][:, 0], noise[alpha == 255][:, 0])


def test_an_image_that_is_transparent_everywhere_is_refused(tmp_path: Path) -> None:
    path = _saved(tmp_path / "clear.png", Image.new("RGBA", (60, 40), (10, 20, 30, 0)), "PNG")
    with pytest.raises(MediaError, match="transparent everywhere"):
        read_image(path)


@pytest.mark.parametrize("format", ["TIFF", "JPEG"])
def test_inks_without_a_profile_are_ideal_inks(format: str, tmp_path: Path) -> None:
    inks = Image.new("CMYK", (60, 40), (0, 255, 0, 51))  # Pillow writes JPEG as Adobe does: inverted
    shown = read_image(_saved(tmp_path / "inks", inks, format))
    assert np.abs(shown.astype(int) - (204, 0, 204)).max() <= 2
    assert probe(str(tmp_path / "inks"), 1).pixel_format == "CMYK"


def test_a_float_or_integer_tiff_is_refused_with_its_kind(tmp_path: Path) -> None:
    path = str(tmp_path / "float.tiff")
    cv2.imwrite(path, PICTURE.astype(np.float32) / 255)
    with pytest.raises(MediaError, match="32-bit floating point: it has no defined white"):
        read_image(path)
    path = _saved(tmp_path / "long.tiff", Image.fromarray(GREY.astype(np.int32) * 1000), "TIFF")
    with pytest.raises(MediaError, match="32-bit numbers"):
        read_image(path)


def test_a_document_of_pages_is_refused_and_smaller_sizes_are_not_pages(tmp_path: Path) -> None:
    pages = [Image.fromarray(PICTURE), Image.fromarray(PICTURE[::-1].copy())]
    path = _saved(tmp_path / "pages.tiff", pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(MediaError, match="TIFF of several pages"):
        read_image(path)
    small = GREY[::2, ::2].copy()
    pyramid = [(grey_tags(60, 40, 8), GREY.tobytes()), ({**grey_tags(30, 20, 8), 254: (1,)}, small.tobytes())]
    assert np.array_equal(read_image(_written(tmp_path / "sizes.tiff", tiff_bytes(pyramid)))[..., 0], GREY)


@pytest.mark.parametrize("tags", [{254: (1,)}, {50706: (0x01040000,)}, {262: (32803,)}])
def test_camera_raw_in_tiff_is_refused(tags: dict[int, tuple[int, ...]], tmp_path: Path) -> None:
    data = tiff_bytes([({**grey_tags(60, 40, 8), **tags}, GREY.tobytes())])
    with pytest.raises(MediaError, match=r"image format that is not read \(camera raw in TIFF\)"):
        read_image(_written(tmp_path / "raw.tiff", data))


def test_further_images_inside_a_jpeg_belong_to_the_first(tmp_path: Path) -> None:
    second = Image.fromarray(PICTURE[::-1].copy())
    path = _saved(tmp_path / "stereo.jpg", Image.fromarray(PICTURE), "MPO", save_all=True, append_images=[second])
    assert (
        np.abs(read_image(path).astype(int) - PICTURE).mean() < 20 < np.abs(PICTURE[::-1] - PICTURE.astype(int)).mean()
    )
    assert probe(path, 1).container == "jpeg"


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "AVIF"])
def test_one_frame_is_an_image_and_more_are_a_video(format: str, tmp_path: Path) -> None:
    frames = [Image.fromarray(texture(seed, 60, 40)) for seed in (3, 4, 5)]
    options = {"save_all": True, "duration": 100}
    single = _saved(tmp_path / "single", frames[0], format, append_images=[], **options)
    assert read_image(single).shape == (40, 60, 3)
    assert probe(single, 1).kind == "image"
    several = _saved(tmp_path / "several", frames[0], format, append_images=frames[1:], **options)
    if format == "WEBP":
        with pytest.raises(MediaError, match="animated WebP, which FFmpeg does not decode"):
            open_image(BytesIO(Path(several).read_bytes()))
    else:
        assert open_image(BytesIO(Path(several).read_bytes())) is None
    if format in ("GIF", "PNG"):  # which stream of an AVIF is the video is the decoder's choice
        facts = probe(several, 1)
        assert (facts.kind, facts.frames) == ("video", 3)


def test_an_animation_whose_alpha_would_be_lost_is_refused_and_others_keep_it(tmp_path: Path) -> None:
    noise, alpha = _noise_with_hole()
    frames = [Image.fromarray(np.dstack([noise // number, alpha])) for number in (1, 2, 3)]
    for format in ("GIF", "PNG", "AVIF"):
        path = _saved(tmp_path / format, frames[0], format, save_all=True, append_images=frames[1:], duration=100)
        if format == "AVIF":
            with pytest.raises(MediaError, match="animated AVIF with transparency"):
                probe(path, 1)
            continue
        facts = probe(path, Path(path).stat().st_size)
        with Decoder(path, facts.track) as decoder:
            shown = [RgbConverter(facts.geometry).rgb(timed.frame, 60, 40) for timed in decoder.frames()]
        assert len(shown) == 3
        assert all((image[:, :28] == 255).all() for image in shown)


@pytest.mark.parametrize(("transfer", "curve"), [(16, "PQ"), (18, "HLG")])
def test_hdr_images_are_refused(transfer: int, curve: str, tmp_path: Path) -> None:
    chunk = (b"cICP", bytes([9, transfer, 0, 1]))
    with pytest.raises(MediaError, match=rf"HDR image \({curve}\)"):
        read_image(_written(tmp_path / "hdr.png", png_bytes(PICTURE, 2, [chunk])))
    plain = (b"cICP", bytes([1, 13, 0, 1]))
    assert np.array_equal(read_image(_written(tmp_path / "plain.png", png_bytes(PICTURE, 2, [plain]))), PICTURE)
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, "AVIF")
    data = buffer.getvalue()
    position = data.index(b"colrnclx") + 8
    tagged = data[: position + 2] + bytes([0, transfer]) + data[position + 4 :]
    with pytest.raises(MediaError, match=rf"HDR image \({curve}\)"):
        read_image(_written(tmp_path / "hdr.avif", tagged))


def test_an_image_is_refused_by_its_header_when_it_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _saved(tmp_path / "picture.png", Image.fromarray(PICTURE), "PNG")
    monkeypatch.setattr("pipeline.media.limits._in_force", Limits(pixels=2399))
    with pytest.raises(MediaError, match=r"60x40 pixels .* limits\.pixels = 2399"):
        read_image(path)
    monkeypatch.setattr("pipeline.media.limits._in_force", Limits(pixels=2400))
    assert read_image(path).shape == (40, 60, 3)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "GIF"])
def test_a_cut_off_image_is_refused(format: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(texture(3, 200, 160)).save(buffer, format)
    whole = buffer.getvalue()
    for share in (0.3, 0.6):
        path = _written(tmp_path / "half", whole[: int(len(whole) * share)])
        with pytest.raises(MediaError, match="image that cannot be decoded"):
            read_image(path)

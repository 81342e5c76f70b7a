"""Blockiness and bits per pixel of compressed images and videos.

python -m pytest tests/pipeline/measures/test_compression.py
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from pipeline.media.decode import Decoder, PacketSizes
from tests.films import Picture, make_film, moving
from tests.pipeline.measures.measuring import measure, measure_video

CANVAS = np.asarray(cv2.resize(data.astronaut(), (1100, 1100), interpolation=cv2.INTER_CUBIC), np.uint8)
BLOCKY, CLEAN = 1.75, 1.4


def _film(path: Path, codec: str, **options: str) -> dict[str, Any]:
    make_film(path, moving(CANVAS, 24, (640, 360), (3, 1)), codec=codec, options=options)
    return measure_video(path)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"crf": "45", "preset": "veryfast", "x264-params": "no-deblock=1"}),
        ("mpeg4", {"qmin": "20", "qmax": "31", "b": "200k"}),
    ],
)
def test_a_starved_codec_leaves_blocks(codec: str, options: dict[str, str], tmp_path: Path) -> None:
    assert _film(tmp_path / "starved.mp4", codec, **options)["blockiness"] > BLOCKY


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libx264", {"crf": "15"}), ("libx264", {"crf": "15", "x264-params": "no-deblock=1"}), ("mpeg4", {})],
)
def test_a_well_fed_codec_leaves_none(codec: str, options: dict[str, str], tmp_path: Path) -> None:
    assert _film(tmp_path / "fed.mp4", codec, **options)["blockiness"] < CLEAN


def _jpeg(image: Picture, quality: int) -> Picture:
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("offset", [0, 3])
def test_images_of_low_quality_are_blocky_wherever_the_grid_lies(offset: int) -> None:
    image = CANVAS[:360, :640]
    assert measure([_jpeg(image, 8)[offset:, offset:]])["blockiness"] > BLOCKY
    assert measure([_jpeg(image, 95)[offset:, offset:]])["blockiness"] < CLEAN


def test_plain_images_and_slides_are_not_blocky() -> None:
    flat = np.full((360, 640, 3), 90, np.uint8)
    slide = flat.copy()
    slide[80:280, 160:480] = 220  # edges on the grid, as a template has them
    noisy = np.clip(flat + np.random.default_rng(0).normal(0, 3, flat.shape), 0, 255).astype(np.uint8)
    assert measure([flat])["blockiness"] == 1
    assert measure([slide])["blockiness"] == 1
    assert measure([noisy])["blockiness"] < 1.1
    assert measure([flat[:20, :20]])["blockiness"] == 1


def test_bits_per_pixel_are_the_packets_of_the_clip(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    still = [CANVAS[:180, :320]] * 48
    make_film(path, [*still, *moving(CANVAS, 48, (320, 180), (6, 2))], b_frames=0, key_interval=48)
    size = path.stat().st_size
    with Decoder(str(path)) as decoder:
        assert sum(1 for _ in decoder.frames()) == 96
        halves = [decoder.packets.between(*span) for span in ((0.0, 2.0), (2.0, 4.0))]
    assert 0.97 * size < sum(halves) < size
    assert halves[1] > 3 * halves[0]
    bits_per_pixel = measure_video(path)["bits_per_pixel"]
    assert bits_per_pixel == pytest.approx(8 * sum(halves) / (320 * 180 * 96), rel=1e-4)


def test_what_is_not_known_is_null() -> None:
    assert measure([CANVAS[:90, :160]] * 24)["bits_per_pixel"] is None


def test_packets_count_by_their_time_in_any_order() -> None:
    packets = PacketSizes()
    for time, size in ((0.0, 100), (0.12, 10), (0.04, 20), (None, 5), (0.08, 30)):
        packets.add(time, size)
    assert packets.between(0.0, 0.04) == 100
    assert packets.between(0.04, 0.12) == 55
    assert packets.between(0.0, 9.0) == 165
    packets.add(0.16, 7)
    assert packets.between(0.1, 9.0) == 17

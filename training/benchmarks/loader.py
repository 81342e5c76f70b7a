"""CPU seconds of reading samples, compared with plain readers of the same tars; time to first batch, and memory.

All sides are measured alternately in one process at one thread; results are medians. The plain reader is the obvious
implementation: the webdataset library, PyAV, `to_ndarray("rgb24")`, one stack. Its frames are a level too dark, so a
second plain reader uses swscale's accurate conversion; a third converts all frames to float32 and resizes them, as
finetrainers does (`_preprocess_video`). Decoding alone is a lower bound for all of them.

    from training.benchmarks.loader import run
    rows = run("datasets/demo")
"""

import io
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import psutil
import torch
import webdataset
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from training.benchmarks.made_shards import make_shards
from training.benchmarks.timing import at_least, at_most
from training.config import DataConfig, StageConfig
from training.data.captions import CaptionChoice
from training.data.distribute import RankPack, distribute
from training.data.index import SampleIndex
from training.data.loader import Loader
from training.data.reading import PixelReader, Pixels
from training.data.selection import Selection, select
from training.data.shapes import ClipShape, Geometry
from training.data.step_plan import StepPlan

HEADINGS = ("reader", "stage", "CPU ms per sample", "times ours", "aim")
_AIMS = {"plain, exact colours": 1.15, "plain, float32": 2.0}
"""The first returns the same pixels as ours (within a third of a level), the second those of finetrainers."""
_WHOLE = StageConfig(name="whole", steps=1, short_side=10_000, max_seconds=1e6, pack_length=25_000)
_LOW = StageConfig(name="128 pixels, 3 s", steps=1, short_side=128, max_seconds=3.2, pack_length=25_000)

Reader = Callable[[Any, ClipShape], object]


def run(dataset: str, rounds: int = 5) -> list[Sequence[object]]:
    """CPU time per sample of the train split, at the stored size and for a smaller, shorter stage."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    rows: list[Sequence[object]] = []
    for stage in (_WHOLE, _LOW):
        selection = select(SampleIndex.open(dataset), stage, Geometry(), ())
        readers: dict[str, Callable[[], int]] = {"ours": lambda s=selection: _ours(s)}  # type: ignore[misc]
        plain: dict[str, Reader] = {"decoding alone, no pictures": _decode, "plain": _plain}
        plain |= {"plain, exact colours": _plain_exact, "plain, float32": _plain_float}
        for name, reader in plain.items():
            readers[name] = lambda s=selection, r=reader: _by_webdataset(s, r)  # type: ignore[misc]
        times: dict[str, list[float]] = defaultdict(list)
        for _ in range(rounds):
            for name, read in readers.items():
                started = time.process_time()
                count = read()
                times[name].append((time.process_time() - started) / count)
        medians = {name: statistics.median(seconds) for name, seconds in times.items()}
        for name, median in medians.items():
            ratio = median / medians["ours"]
            aim = at_least(ratio, _AIMS[name]) if name in _AIMS else ""
            rows.append((name, stage.name, f"{1000 * median:.1f}", f"{ratio:.2f}", aim))
    return rows


def _ours(selection: Selection) -> int:
    plan = StepPlan(selection, _WHOLE, seed=0)
    loader = Loader(PixelReader(selection.index.uri, CaptionChoice({"dense": 1.0}, 0.1, 0)), DataConfig(workers=0))
    return sum(len(pack.kept) for pack in loader.load(_epoch_packs(plan)))


def _epoch_packs(plan: StepPlan) -> Iterator[RankPack]:
    """The packs of the first epoch, for a single process."""
    for step in range(plan.epoch(0).steps):
        yield from distribute(plan.packs(step), world=1, width=64, step=step)[0]


def _by_webdataset(selection: Selection, read: Reader) -> int:
    """Read every sample of the train split in the order of the tars; returns their number."""
    index = selection.index
    shape_of = {index.sample_ids[int(row)].as_py(): selection.shapes[index.bucket[row]] for row in selection.rows}
    paths = [f"{index.uri}/shards/{name}" for name in index.shards.to_pylist()]
    count = 0
    for sample in webdataset.WebDataset(paths, shardshuffle=False, empty_check=False).decode():
        read(sample, shape_of[sample["__key__"]])
        count += 1
    return count


def _frames(sample: Any) -> Iterator[av.VideoFrame]:
    with cast(Any, av.open(io.BytesIO(sample["mp4"]))) as container:
        yield from container.decode(video=0)


def _decode(sample: Any, shape: ClipShape) -> None:
    if "png" in sample:
        _image(sample)
        return
    for _ in _frames(sample):
        pass


def _image(sample: Any) -> Pixels:
    decoded = cv2.imdecode(np.frombuffer(sample["png"], np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(cast(Any, decoded), cv2.COLOR_BGR2RGB), np.uint8)


def _resized(frames: list[Any], shape: ClipShape) -> Pixels:
    """The stage's frames, scaled down by OpenCV if the stage is smaller."""
    size = (shape.width, shape.height)
    kept = frames[: shape.frames]
    if kept[0].shape[1::-1] != size:
        kept = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in kept]
    return np.stack(kept)


def _plain(sample: Any, shape: ClipShape) -> Pixels:
    if "png" in sample:
        return _resized([_image(sample)], shape)
    return _resized([frame.to_ndarray(format="rgb24") for frame in _frames(sample)], shape)


def _plain_exact(sample: Any, shape: ClipShape) -> Pixels:
    if "png" in sample:
        return _resized([_image(sample)], shape)
    scaler, converted = VideoReformatter(), []
    for frame in _frames(sample):
        exact = scaler.reformat(
            frame,
            format="rgb24",
            src_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND,
        )
        converted.append(exact.to_ndarray())
    return _resized(converted, shape)


def _plain_float(sample: Any, shape: ClipShape) -> torch.Tensor:
    frames = [_image(sample)] if "png" in sample else [frame.to_ndarray(format="rgb24") for frame in _frames(sample)]
    video = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous().float()[: shape.frames]
    if video.shape[2:] != (shape.height, shape.width):
        video = torch.nn.functional.interpolate(video, (shape.height, shape.width), mode="bilinear", antialias=True)
    return video / 127.5 - 1.0


FIRST_HEADINGS = ("samples", "shards", "workers", "first batch, s", "aim", "MB after 100 packs", "MB after all packs")


def run_first(samples: int = 10_000, shards: int = 20) -> list[Sequence[object]]:
    """Seconds from opening the dataset to the first batch, and the process's memory early and at the end."""
    rows: list[Sequence[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        make_shards(Path(folder), samples, shards)
        for workers in (0, 2):
            started = time.perf_counter()
            stage = StageConfig(name="first", steps=1, pack_length=1000, packs_per_step=4)
            plan = StepPlan(select(SampleIndex.open(folder), stage, Geometry(), ()), stage, seed=0)
            reader = PixelReader(folder, CaptionChoice({"dense": 1.0}, 0.1, 0))
            first, memory = 0.0, [0, 0]
            for number, _ in enumerate(Loader(reader, DataConfig(workers=workers)).load(_epoch_packs(plan))):
                first = first or time.perf_counter() - started
                memory[number > 100] = psutil.Process().memory_info().rss >> 20
            rows.append((f"{samples:,}", shards, workers, f"{first:.2f}", at_most(first, 2.0), *memory))
    return rows

"""Fits the linear codec's basis on natural videos: principal components of blocks, and the PSNR on held-out files.

Every fifth file is held out. Frames are sampled as in the embedded profile, 8 per second, up to 10 groups of 4 per file
so that long videos do not dominate. They are used at short sides of 256, 128 and 64, which are those of stages that a
CPU can train, with equal weight per frame, because a block of a smaller frame holds more detail. PSNR is measured at
256. The first frame's channels are put in the order and sign of the most similar channels of later frames, so that a
channel means the same in both, as in a VAE.

    python -m training.encoders.fit_linear <file or folder> ... [--out FILE]
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from pipeline.media.decode import Decoder
from schemas.errors import CutroomError, InputError, MediaError
from training.encoders.base import VideoCodec
from training.encoders.linear import CHANNELS, FRAMES, WEIGHTS, Basis, LinearCodec, as_floats, to_blocks
from training.encoders.linear_frames import LinearFrames

_RATE, _GROUPS, _HELD_OUT = 8.0, 10, 5
_SHORT_SIDES = (256, 128, 64)
_CLIP_GROUPS = 4  # groups after a held-out clip's first frame: 17 frames


class Moments:
    """Weighted first and second moments of vectors, in float64."""

    def __init__(self, values: int) -> None:
        self.count = 0.0
        self._sum = torch.zeros(values, dtype=torch.float64)
        self._products = torch.zeros(values, values, dtype=torch.float64)

    def add(self, rows: Tensor, weight: float = 1.0) -> None:
        """Add vectors [N, values], each with this weight."""
        self.count += weight * len(rows)
        self._sum += weight * rows.double().sum(0)
        self._products += weight * (rows.T @ rows).double()

    def basis(self) -> Basis:
        """The `CHANNELS` principal components; the largest weight of each is positive."""
        mean = self._sum / self.count
        variances, columns = torch.linalg.eigh(self._products / self.count - torch.outer(mean, mean))
        rows = columns.T.flip(0)[:CHANNELS]
        largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
        scale = variances.flip(0)[:CHANNELS].clamp(min=1e-12).sqrt()
        return Basis((rows * largest.sign()).float().contiguous(), mean.float(), scale.float())


def align(first: Basis, later: Basis) -> Basis:
    """The first frame's basis with its channels in the order and sign of the most similar channels of later frames."""
    static = later.rows.view(CHANNELS, FRAMES, -1).sum(1)  # a later channel's response to a block without motion
    similarity = torch.nn.functional.normalize(static, dim=1) @ first.rows.T
    weight = similarity.abs() * static.norm(dim=1, keepdim=True)  # channels of pure motion are matched last
    order, signs = torch.zeros(CHANNELS, dtype=torch.long), torch.ones(CHANNELS)
    for _ in range(CHANNELS):
        position, chosen = divmod(int(weight.argmax()), CHANNELS)
        order[position], signs[position] = chosen, 1.0 if similarity[position, chosen] >= 0 else -1.0
        weight[position], weight[:, chosen] = -1, -1
    return Basis((first.rows[order] * signs[:, None]).contiguous(), first.mean, first.scale[order].contiguous())


def read_groups(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Up to 10 groups of 4 frames [4, H, W, 3] of a file, in order, short side 256."""
    frames: list[NDArray[np.uint8]] = []
    with Decoder(str(path)) as decoder:
        next_time: float | None = None
        for timed in decoder.frames():
            next_time = timed.time if next_time is None else next_time
            if timed.time < next_time - 0.5 / _RATE:
                continue
            frames.append(shrink(np.asarray(timed.frame.to_ndarray(format="rgb24"), np.uint8), _SHORT_SIDES[0]))
            next_time += 1 / _RATE
            if len(frames) == _GROUPS * FRAMES:
                break
    for start in range(0, len(frames) - FRAMES + 1, FRAMES):
        yield np.stack(frames[start : start + FRAMES])


def shrink(image: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """Scale an image uint8 [H, W, 3] down to a short side and crop its sides to multiples of 16; never enlarges."""
    scale = min(1.0, short_side / min(image.shape[:2]))
    height, width = (round(side * scale) for side in image.shape[:2])
    small = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return small[: height // 16 * 16, : width // 16 * 16]


def fit(files: Sequence[Path]) -> tuple[Basis, Basis, int]:
    """Bases of the first and of the later frames, and the number of blocks that the latter was fitted on."""
    first, later, count = Moments(192), Moments(192 * FRAMES), 0
    for path in files:
        for group in read_groups(path):
            for side in _SHORT_SIDES:
                images = np.stack([shrink(image, side) for image in group])
                blocks = as_floats(to_blocks(images, FRAMES)).flatten(0, 2)
                weight = group.size / images.size
                later.add(blocks, weight)
                first.add(blocks.view(len(blocks) * FRAMES, -1), weight)
                count += len(blocks)
    if count < 192 * FRAMES:
        raise InputError(f"{len(files)} files hold {count} blocks, at least {192 * FRAMES} are needed; add videos")
    later_basis = later.basis()
    return align(first.basis(), later_basis), later_basis, count


def measure_psnr(codec: VideoCodec, files: Sequence[Path]) -> float:
    """PSNR in dB over all pixels (0 to 255) of the files' clips of 17 frames."""
    squares, count = 0.0, 0
    for path in files:
        groups = list(read_groups(path))
        for start in range(0, len(groups) - _CLIP_GROUPS, _CLIP_GROUPS + 1):
            later = groups[start + 1 : start + 1 + _CLIP_GROUPS]
            clip = np.concatenate([groups[start][-1:], *later])
            decoded = codec.decode(codec.encode(clip)[0])
            squares += float(((clip.astype(np.float32) - decoded) ** 2).sum(dtype=np.float64))
            count += clip.size
    if not count:
        raise InputError("the held-out files hold no clip of 17 frames at 8 per second; add longer videos")
    return 10 * math.log10(255**2 / (squares / count))


def fit_file(files: Sequence[Path], out: Path) -> LinearCodec:
    """Fit, measure on every fifth file, and write the weights with the names of the files used."""
    held_out = list(files[_HELD_OUT - 1 :: _HELD_OUT])
    fitted = [path for path in files if path not in held_out]
    if not held_out:
        raise InputError(f"{len(files)} files; at least {_HELD_OUT} are needed, since every fifth is held out")
    first, later, blocks = fit(fitted)
    psnr = measure_psnr(LinearCodec(first, later, 0.0), held_out)
    weights = {
        f"{name}.{part}": getattr(basis, part)
        for name, basis in (("first", first), ("later", later))
        for part in ("rows", "mean", "scale")
    }
    frames = measure_psnr(LinearFrames(first, 0.0), held_out)
    metadata = {
        "psnr": f"{psnr:.2f}",
        "psnr_frames": f"{frames:.2f}",
        "fitted": _names(fitted),
        "held_out": _names(held_out),
        "blocks": str(blocks),
    }
    save_file(weights, out, metadata=metadata)
    return LinearCodec(first, later, psnr)


def _names(files: Sequence[Path]) -> str:
    return json.dumps([f"{path.parent.name}/{path.name}" for path in files])


def _videos(paths: Sequence[Path]) -> list[Path]:
    inside = [
        path for path in paths for path in (sorted(path.rglob("*")) if path.is_dir() else [path]) if path.is_file()
    ]
    videos = []
    for path in inside:
        try:
            with Decoder(str(path)):
                videos.append(path)
        except MediaError as error:
            print(f"skipped {path}: {error}")
    return videos


def main() -> None:
    """Fit on the given files and write the weights."""
    parser = argparse.ArgumentParser(description="Fit the linear codec on natural videos.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    try:
        codec = fit_file(_videos(arguments.paths), arguments.out)
    except CutroomError as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{codec.name}: {arguments.out}")


if __name__ == "__main__":
    main()

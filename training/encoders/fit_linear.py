"""Fits the linear codec's basis on natural footage: principal components of blocks, and the PSNR on held-out files.

Every fifth file is held out. Frames are taken as the embedded profile packs them, 8 per second, up to 10 groups of 4
per file, so that no long film outweighs the rest; and at short sides of 256, 128 and 64, those of stages that a CPU
trains, each frame counting alike, because a block of a smaller picture holds more detail. PSNR is that at 256. Channels
of the first frame are put in the order and sign of the later frames' ones that they resemble, so that a channel means
the same in both, as in a VAE.

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
_CLIP_GROUPS = 4  # held-out clips have 17 frames


class Moments:
    """Weighted sums of vectors and of their products, in float64."""

    def __init__(self, values: int) -> None:
        self.count = 0.0
        self._sum = torch.zeros(values, dtype=torch.float64)
        self._products = torch.zeros(values, values, dtype=torch.float64)

    def add(self, rows: Tensor, weight: float = 1.0) -> None:
        """Add vectors [rows, values], each of this weight."""
        self.count += weight * len(rows)
        self._sum += weight * rows.double().sum(0)
        self._products += weight * (rows.T @ rows).double()

    def basis(self) -> Basis:
        """The `CHANNELS` directions of most variance; each one's largest weight is positive."""
        mean = self._sum / self.count
        variances, columns = torch.linalg.eigh(self._products / self.count - torch.outer(mean, mean))
        rows = columns.T.flip(0)[:CHANNELS]
        largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
        scale = variances.flip(0)[:CHANNELS].clamp(min=1e-12).sqrt()
        return Basis((rows * largest.sign()).float().contiguous(), mean.float(), scale.float())


def align(first: Basis, later: Basis) -> Basis:
    """The first frame's basis with its channels in the order and sign of the later ones that they resemble."""
    still = later.rows.view(CHANNELS, FRAMES, -1).sum(1)  # how a later channel answers to a block without motion
    likeness = torch.nn.functional.normalize(still, dim=1) @ first.rows.T
    weight = likeness.abs() * still.norm(dim=1, keepdim=True)  # channels of motion alone choose last
    order, signs = torch.zeros(CHANNELS, dtype=torch.long), torch.ones(CHANNELS)
    for _ in range(CHANNELS):
        place, chosen = divmod(int(weight.argmax()), CHANNELS)
        order[place], signs[place] = chosen, 1.0 if likeness[place, chosen] >= 0 else -1.0
        weight[place], weight[:, chosen] = -1, -1
    return Basis((first.rows[order] * signs[:, None]).contiguous(), first.mean, first.scale[order].contiguous())


def read_groups(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Up to 10 groups of 4 frames [4, H, W, 3] of a file, in order, short side 256."""
    frames: list[NDArray[np.uint8]] = []
    with Decoder(str(path)) as decoder:
        wanted: float | None = None
        for timed in decoder.frames():
            wanted = timed.time if wanted is None else wanted
            if timed.time < wanted - 0.5 / _RATE:
                continue
            frames.append(shrink(np.asarray(timed.frame.to_ndarray(format="rgb24"), np.uint8), _SHORT_SIDES[0]))
            wanted += 1 / _RATE
            if len(frames) == _GROUPS * FRAMES:
                break
    for start in range(0, len(frames) - FRAMES + 1, FRAMES):
        yield np.stack(frames[start : start + FRAMES])


def shrink(picture: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """The picture at a short side, never enlarged, sides cut to multiples of 16."""
    scale = min(1.0, short_side / min(picture.shape[:2]))
    height, width = (round(side * scale) for side in picture.shape[:2])
    small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return small[: height // 16 * 16, : width // 16 * 16]


def fit(files: Sequence[Path]) -> tuple[Basis, Basis, int]:
    """Bases of the first and of the later frames, and on how many blocks the latter stands."""
    first, later, count = Moments(192), Moments(192 * FRAMES), 0
    for path in files:
        for group in read_groups(path):
            for side in _SHORT_SIDES:
                pictures = np.stack([shrink(picture, side) for picture in group])
                blocks = as_floats(to_blocks(pictures, FRAMES)).flatten(0, 2)
                weight = group.size / pictures.size
                later.add(blocks, weight)
                first.add(blocks.view(len(blocks) * FRAMES, -1), weight)
                count += len(blocks)
    if count < 192 * FRAMES:
        raise InputError(f"{len(files)} files hold {count} blocks; give more footage")
    later_basis = later.basis()
    return align(first.basis(), later_basis), later_basis, count


def measure_psnr(codec: VideoCodec, files: Sequence[Path]) -> float:
    """PSNR in dB of the mean squared error over all pixels of the files' clips of 17 frames, values 0 to 255."""
    squares, count = 0.0, 0
    for path in files:
        groups = list(read_groups(path))
        for start in range(0, len(groups) - _CLIP_GROUPS, _CLIP_GROUPS + 1):
            later = groups[start + 1 : start + 1 + _CLIP_GROUPS]
            clip = np.concatenate([groups[start][-1:], *later])
            again = codec.decode(codec.encode(clip)[0])
            squares += float(((clip.astype(np.float32) - again) ** 2).sum(dtype=np.float64))
            count += clip.size
    if not count:
        raise InputError("the held-out files hold no clip of 17 frames at 8 per second; give longer ones")
    return 10 * math.log10(255**2 / (squares / count))


def fit_file(files: Sequence[Path], out: Path) -> LinearCodec:
    """Fit, measure on every fifth file, and write the weights with what they stand on."""
    held_out = list(files[_HELD_OUT - 1 :: _HELD_OUT])
    fitted = [path for path in files if path not in held_out]
    if not held_out:
        raise InputError(f"{len(files)} files; give at least {_HELD_OUT}, every fifth is held out to measure on")
    first, later, blocks = fit(fitted)
    psnr = measure_psnr(LinearCodec(first, later, 0.0), held_out)
    weights = {
        f"{kind}.{part}": getattr(basis, part)
        for kind, basis in (("first", first), ("later", later))
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


def _films(places: Sequence[Path]) -> list[Path]:
    inside = [
        path for place in places for path in (sorted(place.rglob("*")) if place.is_dir() else [place]) if path.is_file()
    ]
    found = []
    for path in inside:
        try:
            with Decoder(str(path)):
                found.append(path)
        except MediaError as error:
            print(f"left out {path}: {error}")
    return found


def main() -> None:
    """Fit on the files named and write the weights."""
    parser = argparse.ArgumentParser(description="Fit the linear codec on natural footage.")
    parser.add_argument("places", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    try:
        codec = fit_file(_films(arguments.places), arguments.out)
    except CutroomError as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{codec.name}: {arguments.out}")


if __name__ == "__main__":
    main()

"""One sample's latents and text states as bytes: a safetensors file, which holds nothing that could run.

Equal captions are stored once, padding of zeros is left out, and so is a deviation that is zero everywhere (the linear
codec has no posterior).

    python -m pytest tests/training/latents/test_entry.py
"""

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from schemas.errors import DatasetError

_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Entry:
    """Posterior moments [frames, channels, height, width] and the states [tokens, width] of each caption, by text."""

    key: str
    mean: Tensor
    deviation: Tensor
    captions: Mapping[str, str]
    """Short, medium and dense caption."""
    states: Mapping[str, Tensor]

    def to_bytes(self, dtype: torch.dtype) -> bytes:
        """The entry as a safetensors file."""
        tensors = {"mean": self.mean.to(dtype)}
        if self.deviation.any():
            tensors["deviation"] = self.deviation.to(dtype)
        texts = sorted(self.states)
        tensors.update({f"text.{place}": _trim(self.states[text]).to(dtype) for place, text in enumerate(texts)})
        metadata = {"key": self.key, "captions": json.dumps(dict(self.captions)), "texts": json.dumps(texts)}
        # safetensors' own order of metadata changes from run to run; one record has none.
        contiguous = {name: one.contiguous() for name, one in tensors.items()}
        return bytes(save(contiguous, {"entry": json.dumps(metadata)}))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Entry":
        """Read an entry; tensors are float32 again. Raises `DatasetError` if it is none."""
        try:
            length = int.from_bytes(data[:8], "little")
            metadata = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["entry"])
            tensors = {name: one.float() for name, one in load(data).items()}
            texts, mean = json.loads(metadata["texts"]), tensors["mean"]
            return cls(
                key=metadata["key"],
                mean=mean,
                deviation=tensors.get("deviation", torch.zeros_like(mean)),
                captions=json.loads(metadata["captions"]),
                states={text: tensors[f"text.{place}"] for place, text in enumerate(texts)},
            )
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"no entry of a latent cache ({error}); run `just encode` again") from None


def pad(states: Tensor, length: int) -> Tensor:
    """States [tokens, width] filled up with zeros to [length, width]."""
    return torch.nn.functional.pad(states, (0, 0, 0, length - len(states)))


def _trim(states: Tensor) -> Tensor:
    used = states.abs().sum(1).nonzero()
    return states[: int(used[-1]) + 1 if len(used) else 0]


def to_member(name: str, data: bytes) -> bytes:
    """A file as it stands in a tar: header, bytes, and zeros up to the next block."""
    info = tarfile.TarInfo(f"{name}.safetensors")
    info.size, info.mode, info.uname, info.gname = len(data), 0o444, "cutroom", "cutroom"
    header = info.tobuf(tarfile.PAX_FORMAT)
    return header + data + bytes(-len(data) % _BLOCK)


def from_member(member: bytes) -> bytes:
    """The bytes of the file in a piece of a tar. Raises `DatasetError` if there is none."""
    try:
        with tarfile.open(fileobj=io.BytesIO(member), mode="r:") as tar:
            info = tar.next()
            file = tar.extractfile(info) if info else None
            if file is None:
                raise DatasetError("the piece of the tar holds no file")
            return file.read()
    except tarfile.TarError as error:
        raise DatasetError(f"the piece of the tar cannot be read: {error}") from None

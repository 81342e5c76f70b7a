"""One sample's latents and text embeddings as bytes: a safetensors file, which cannot execute code.

Equal captions are stored once; zero padding is left out, and so is a standard deviation that is zero everywhere (the
linear codec has no posterior).

    data = Entry(key, mean, std, captions, embeddings).to_bytes(torch.bfloat16)
    entry = Entry.from_bytes(data)
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
    """Posterior `mean` and `std` [T, C, H, W], and the embeddings [L, text_dim] of each caption, by its text."""

    key: str
    mean: Tensor
    std: Tensor
    captions: Mapping[str, str]
    """Short, medium and dense caption."""
    embeddings: Mapping[str, Tensor]

    def to_bytes(self, dtype: torch.dtype) -> bytes:
        """The entry as the bytes of a safetensors file, tensors stored as `dtype`."""
        tensors = {"mean": self.mean.to(dtype)}
        if self.std.any():
            tensors["deviation"] = self.std.to(dtype)
        texts = sorted(self.embeddings)
        tensors.update({f"text.{number}": _trim(self.embeddings[text]).to(dtype) for number, text in enumerate(texts)})
        metadata = {"key": self.key, "captions": json.dumps(dict(self.captions)), "texts": json.dumps(texts)}
        # safetensors writes several metadata entries in varying order; a single one is deterministic.
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        return bytes(save(contiguous, {"entry": json.dumps(metadata)}))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Entry":
        """Read an entry, with float32 tensors. Raises `DatasetError` for other bytes."""
        try:
            length = int.from_bytes(data[:8], "little")
            metadata = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["entry"])
            tensors = {name: tensor.float() for name, tensor in load(data).items()}
            texts, mean = json.loads(metadata["texts"]), tensors["mean"]
            return cls(
                key=metadata["key"],
                mean=mean,
                std=tensors.get("deviation", torch.zeros_like(mean)),
                captions=json.loads(metadata["captions"]),
                embeddings={text: tensors[f"text.{number}"] for number, text in enumerate(texts)},
            )
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"not an entry of a latent cache ({error}); run `just encode` again") from None


def pad(embeddings: Tensor, length: int) -> Tensor:
    """Embeddings [L, text_dim] padded with zeros to [length, text_dim]."""
    return torch.nn.functional.pad(embeddings, (0, 0, 0, length - len(embeddings)))


def _trim(embeddings: Tensor) -> Tensor:
    used = embeddings.abs().sum(1).nonzero()
    return embeddings[: int(used[-1]) + 1 if len(used) else 0]


def to_member(name: str, data: bytes) -> bytes:
    """A file as a tar member: header, bytes, and zeros up to the next block."""
    info = tarfile.TarInfo(f"{name}.safetensors")
    info.size, info.mode, info.uname, info.gname = len(data), 0o444, "cutroom", "cutroom"
    header = info.tobuf(tarfile.PAX_FORMAT)
    return header + data + bytes(-len(data) % _BLOCK)


def from_member(member: bytes) -> bytes:
    """The bytes of the file in a tar member. Raises `DatasetError` if there is none."""
    try:
        with tarfile.open(fileobj=io.BytesIO(member), mode="r:") as tar:
            info = tar.next()
            file = tar.extractfile(info) if info else None
            if file is None:
                raise DatasetError("the tar member holds no file")
            return file.read()
    except tarfile.TarError as error:
        raise DatasetError(f"the tar member cannot be read: {error}") from None

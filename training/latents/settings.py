"""The settings of a latent cache, and the key of an entry: everything that its values depend on.

A cache keyed by file names serves stale latents after the VAE, the crop or the clip changed. Here an entry's key is a
hash of the sample's bytes, its shape, both encoders' identities and the stored precision: a change in any of them is
another entry.

    settings = CacheSettings.of(codec, text_encoder, "bfloat16")
    key = settings.key(checksum, shape)
"""

import json
from dataclasses import asdict, dataclass

import torch

from pipeline.storage.store import Store
from schemas.errors import ConfigError, DatasetError
from schemas.ids import digest
from training.data.shapes import ClipShape
from training.encoders.base import TextEncoder, VideoCodec
from training.latents.precision import Precision

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
_FILE = "cache.json"
_VERSION = 1  # of the entries' format, and of how a sample is resized to a shape


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Names and identities of the encoders, the shapes of their outputs, and the stored precision."""

    codec: str
    codec_identity: str
    channels: int
    spatial_stride: int
    temporal_stride: int
    text: str
    text_identity: str
    text_length: int
    text_width: int
    precision: Precision
    version: int = _VERSION

    @classmethod
    def of(cls, codec: VideoCodec, text: TextEncoder, precision: Precision) -> "CacheSettings":
        """The settings of a cache made with these encoders."""
        return cls(
            codec=codec.name,
            codec_identity=codec.identity,
            channels=codec.channels,
            spatial_stride=codec.spatial_stride,
            temporal_stride=codec.temporal_stride,
            text=text.name,
            text_identity=text.identity,
            text_length=text.length,
            text_width=text.hidden_size,
            precision=precision,
        )

    def key(self, content: str, shape: ClipShape) -> str:
        """Key of the entry, at a shape, of a sample whose bytes have the checksum `content`."""
        return digest("latents", self.version, content, str(shape), self.codec_identity, self.text_identity,
                      self.precision)  # fmt: skip

    def latent_shape(self, shape: ClipShape) -> tuple[int, int, int, int]:
        """Shape [T, C, H, W] of a clip's latents."""
        frames = 1 + (shape.frames - 1) // self.temporal_stride
        return frames, self.channels, shape.height // self.spatial_stride, shape.width // self.spatial_stride

    def require(self, codec_identity: str, text_identity: str, uri: str) -> None:
        """Raise `ConfigError`, naming both identities, if other encoders made the cache."""
        for setting, cached, identity in (
            ("encoders.codec", self.codec_identity, codec_identity),
            ("encoders.text", self.text_identity, text_identity),
        ):
            if cached != identity:
                raise ConfigError(
                    f"latent cache {uri} was made with {cached}, but {setting} is now {identity}; set the encoders "
                    "that made it, or run `just encode` into another folder"
                )


def read_settings(store: Store) -> CacheSettings:
    """The settings of a cache. Raises `DatasetError` if the folder holds none, or one of another version."""
    try:
        saved = json.loads(store.read(_FILE))
        settings = CacheSettings(**saved)
    except FileNotFoundError:
        raise DatasetError(f"{store.uri} is not a latent cache: it has no {_FILE}; `just encode` writes one") from None
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{store.path(_FILE)} cannot be read ({error}); run `just encode` again") from None
    if settings.version != _VERSION:
        raise DatasetError(
            f"latent cache {store.uri} has format version {settings.version}, this program writes {_VERSION}; encode "
            "into another folder"
        )
    return settings


def claim(store: Store, settings: CacheSettings) -> None:
    """Write the settings into an empty folder. Raises `ConfigError` if it holds a cache with other settings."""
    if not store.exists(_FILE):
        store.write(_FILE, (json.dumps(asdict(settings), indent=2) + "\n").encode())
        return
    existing = read_settings(store)
    existing.require(settings.codec_identity, settings.text_identity, store.uri)
    if existing.precision != settings.precision:
        raise ConfigError(
            f"latent cache {store.uri} holds {existing.precision}, not {settings.precision}; use its precision, or "
            "choose another --out"
        )

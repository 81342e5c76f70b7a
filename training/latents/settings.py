"""What a latent cache was made with, and the key of an entry: everything that its numbers depend on.

A cache named by file stems serves old latents after the VAE, the crop or the clip changed. Here an entry's key is a
hash of the sample's bytes, its shape, both encoders' identities and the stored precision; what differs in any of them
is another entry.

    python -m pytest tests/training/latents
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
_VERSION = 1  # of the entries' form, and of how a sample's pixels become a shape


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Names and identities of the encoders, the form of what they give, and the precision that is stored."""

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
        """The settings of a cache that these encoders fill."""
        return cls(
            codec=codec.name,
            codec_identity=codec.identity,
            channels=codec.channels,
            spatial_stride=codec.spatial_stride,
            temporal_stride=codec.temporal_stride,
            text=text.name,
            text_identity=text.identity,
            text_length=text.length,
            text_width=text.width,
            precision=precision,
        )

    def key(self, content: str, shape: ClipShape) -> str:
        """Key of the entry of a sample whose bytes have the checksum `content`, at a shape."""
        return digest("latents", self.version, content, str(shape), self.codec_identity, self.text_identity,
                      self.precision)  # fmt: skip

    def latent_shape(self, shape: ClipShape) -> tuple[int, int, int, int]:
        """Frames, channels, height and width of a clip's latents."""
        frames = 1 + (shape.frames - 1) // self.temporal_stride
        return frames, self.channels, shape.height // self.spatial_stride, shape.width // self.spatial_stride

    def require(self, codec_identity: str, text_identity: str, uri: str) -> None:
        """Raise `ConfigError`, with both identities, if the cache was made by other encoders."""
        for setting, cached, wanted in (
            ("encoders.codec", self.codec_identity, codec_identity),
            ("encoders.text", self.text_identity, text_identity),
        ):
            if cached != wanted:
                raise ConfigError(
                    f"latent cache {uri} was made with {cached}, but {setting} is now {wanted}; set the encoders that "
                    "made it, or run `just encode` into another folder"
                )


def read_settings(store: Store) -> CacheSettings:
    """What a cache was made with. Raises `DatasetError` if the folder is no cache or one of another version."""
    try:
        found = json.loads(store.read(_FILE))
        settings = CacheSettings(**found)
    except FileNotFoundError:
        raise DatasetError(f"{store.uri} is no latent cache: it holds no {_FILE}; `just encode` makes one") from None
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{store.path(_FILE)} cannot be read ({error}); run `just encode` again") from None
    if settings.version != _VERSION:
        raise DatasetError(
            f"latent cache {store.uri} has form {settings.version}, this is {_VERSION}; encode into another folder"
        )
    return settings


def claim(store: Store, settings: CacheSettings) -> None:
    """Write the settings into an empty folder. Raises `ConfigError` if it holds a cache made with other ones."""
    if not store.exists(_FILE):
        store.write(_FILE, (json.dumps(asdict(settings), indent=2) + "\n").encode())
        return
    found = read_settings(store)
    found.require(settings.codec_identity, settings.text_identity, store.uri)
    if found.precision != settings.precision:
        raise ConfigError(
            f"latent cache {store.uri} holds {found.precision}, not {settings.precision}; keep to it, or choose "
            "another --out"
        )

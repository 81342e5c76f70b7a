"""The sizes and options of a CogVideoX transformer, and the presets: debug, 2B, 5B and 1.5-5B.

diffusers' `config.json` is read and written here and nowhere else, so checkpoints load in both directions.

    from training.models.cogvideox.config import PRESETS
    PRESETS["2b"].parameters          # 1693.8 million, counted without building the model
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from schemas.errors import ConfigError

Positions = Literal["sincos", "rotary"]
_TEXT_LENGTH = 226  # T5 tokens, CogVideoX (2408.06072, table 6); 1.5 uses 224


@dataclass(frozen=True, slots=True, kw_only=True)
class CogVideoXConfig:
    """One transformer.

    `patch` is the side of a patch in latent pixels; `patch_frames` is the number of latent frames per patch (1.5: 2).
    `spatial_scale` divides the sin-cos grid (2B: 1.875). `ofs_embed_dim` is the size of 1.5-I2V's `ofs` embedding, 0
    for none. `flat_patch`: the patch embedding is stored as a linear layer (1.5), not as a convolution (1.0).
    """

    heads: int
    head_dim: int = 64
    layers: int
    in_channels: int = 16
    out_channels: int = 16
    text_dim: int = 4096
    text_length: int = _TEXT_LENGTH
    time_embed_dim: int = 512
    ofs_embed_dim: int = 0
    patch: int = 2
    patch_frames: int = 1
    flat_patch: bool = False
    positions: Positions = "rotary"
    spatial_scale: float = 1.875
    temporal_scale: float = 1.0
    attention_bias: bool = True
    patch_bias: bool = True
    norm_epsilon: float = 1e-5
    sample_height: int = 60
    sample_width: int = 90
    sample_frames: int = 49

    def __post_init__(self) -> None:
        if self.head_dim % 16:
            raise ConfigError(f"head_dim = {self.head_dim}: rotary positions need a multiple of 16")
        if self.patch_frames > 1 and not self.flat_patch:
            raise ConfigError(f"patch_frames = {self.patch_frames} needs flat_patch, as CogVideoX 1.5 has it")

    @property
    def max_frames(self) -> int | None:
        """None: positions extrapolate to any length."""
        return None

    @property
    def activations_per_token(self) -> int:
        """2 of norms, 6 of modulation, 8 of attention, 9 of the feed-forward layer, 5 of sums and products."""
        return 30

    @property
    def float32_share(self) -> float:
        """Measured: close to 0."""
        return 0.0

    @property
    def reads_captions(self) -> bool:
        """True: the model is text-conditioned."""
        return True

    @property
    def text_in_sequence(self) -> bool:
        """True: a caption's tokens precede the patches in the sequence."""
        return True

    @property
    def learns_variance(self) -> bool:
        """False: only v is predicted."""
        return False

    @property
    def width(self) -> int:
        """Width of the residual stream."""
        return self.heads * self.head_dim

    @property
    def patch_dim(self) -> int:
        """Values in one patch of the input: `in_channels * patch_frames * patch**2`."""
        return self.in_channels * self.patch_frames * self.patch**2

    @property
    def output_dim(self) -> int:
        """Values in one patch of the output: `out_channels * patch_frames * patch**2`."""
        return self.out_channels * self.patch_frames * self.patch**2

    @property
    def modulation_parameters(self) -> int:
        """Parameters of the blocks' adaptive layer norms, which run once per clip, not once per token (for FLOPs)."""
        return self.layers * 2 * (self.time_embed_dim + 1) * 6 * self.width

    @property
    def parameters(self) -> int:
        """Total number of parameters."""
        width, time = self.width, self.time_embed_dim
        attention = 3 * width * width + 3 * width * int(self.attention_bias) + width * width + width
        norms = 2 * 2 * width + 2 * 2 * self.head_dim
        feed = 8 * width * width + 5 * width
        patch = self.patch_dim * width + width * int(self.patch_bias or self.flat_patch)
        text = self.text_dim * width + width
        time_embedding = width * time + time + time * time + time
        offset = 2 * (self.ofs_embed_dim**2 + self.ofs_embed_dim)
        final = 2 * 2 * width + (time + 1) * 2 * width + width * self.output_dim + self.output_dim
        return (
            self.layers * (attention + norms + feed)
            + self.modulation_parameters
            + patch
            + text
            + time_embedding
            + offset
            + final
        )

    def to_diffusers(self) -> dict[str, Any]:
        """The `config.json` of diffusers' `CogVideoXTransformer3DModel`."""
        renamed = {theirs: getattr(self, ours) for ours, theirs in _NAMES.items()}
        return {
            **renamed,
            "patch_size_t": self.patch_frames if self.flat_patch else None,
            "ofs_embed_dim": self.ofs_embed_dim or None,
            "use_rotary_positional_embeddings": self.positions == "rotary",
            **_FIXED,
        }

    @classmethod
    def from_diffusers(cls, config: Mapping[str, Any]) -> "CogVideoXConfig":
        """Read diffusers' `config.json`. Raises `ConfigError` for an option that this model does not have."""
        for name, value in _FIXED.items():
            if config.get(name, value) != value:
                raise ConfigError(f"{name} = {config[name]!r} in the checkpoint; only {value!r} is supported")
        known = {field.name for field in fields(cls)}
        renamed = {ours: config[theirs] for ours, theirs in _NAMES.items() if theirs in config and ours in known}
        flat = config.get("patch_size_t") is not None
        return cls(
            **renamed,
            flat_patch=flat,
            patch_frames=config["patch_size_t"] if flat else 1,
            ofs_embed_dim=config.get("ofs_embed_dim") or 0,
            positions="rotary" if config.get("use_rotary_positional_embeddings") else "sincos",
        )


_NAMES = {
    "heads": "num_attention_heads",
    "head_dim": "attention_head_dim",
    "layers": "num_layers",
    "in_channels": "in_channels",
    "out_channels": "out_channels",
    "text_dim": "text_embed_dim",
    "text_length": "max_text_seq_length",
    "time_embed_dim": "time_embed_dim",
    "patch": "patch_size",
    "spatial_scale": "spatial_interpolation_scale",
    "temporal_scale": "temporal_interpolation_scale",
    "attention_bias": "attention_bias",
    "patch_bias": "patch_bias",
    "norm_epsilon": "norm_eps",
    "sample_height": "sample_height",
    "sample_width": "sample_width",
    "sample_frames": "sample_frames",
}
_FIXED = {
    "activation_fn": "gelu-approximate",
    "timestep_activation_fn": "silu",
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "dropout": 0.0,
    "norm_elementwise_affine": True,
    "use_learned_positional_embeddings": False,
    "temporal_compression_ratio": 4,
}

PRESETS = {
    "debug": CogVideoXConfig(heads=4, head_dim=32, layers=4, text_dim=384, text_length=96, time_embed_dim=128),
    "2b": CogVideoXConfig(heads=30, layers=30, positions="sincos"),
    "5b": CogVideoXConfig(heads=48, layers=42),
    "1.5-5b": CogVideoXConfig(
        heads=48,
        layers=42,
        patch_frames=2,
        flat_patch=True,
        text_length=224,
        sample_height=300,
        sample_width=300,
        sample_frames=81,
    ),
}

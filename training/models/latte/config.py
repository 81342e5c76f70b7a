"""The sizes and options of a Latte, and the presets: the paper's S to XL, Latte-1 (text to video), and debug ones.

diffusers' `config.json` is read and written here and nowhere else.

    from training.models.latte.config import PRESETS
    PRESETS["xl-2"].parameters          # 673.7 million, counted without building the model
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from schemas.errors import ConfigError
from training.models.latte.count import count_parameters

Variant = Literal[1, 2, 3, 4]
Conditioning = Literal["none", "class", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatteConfig:
    """One transformer. `layers` counts all blocks, as the paper does: a spatial and a temporal block are two.

    `variant` (2401.03048, figure 2): 1 alternates spatial and temporal blocks, 2 has all spatial blocks before all
    temporal ones, 3 has spatial then temporal attention inside each block, 4 has both in parallel inside each block,
    with half the heads each. `condition_form`: `adaln` modulates every block (S-AdaLN; with text one shared network and
    a table per block, PixArt-alpha's adaLN-single), `tokens` adds one token for timestep and class to every frame
    instead. Text is always read by cross-attention. A class is passed as `Segment.text` [1, 1] that holds its number;
    the number `classes` stands for no class.

    `patch_frames` 1 embeds every frame by itself; a larger value embeds tubelets of that many frames, and the output is
    upsampled in time. `text_dim` is the text embeddings' dimension; if `caption_dim` is above 0, an adapter maps it to
    the dimension that the caption projection was trained for. Spatial positions span `sample_size // patch` steps
    whatever the number of patches, divided by `interpolation_scale`. `position_table` is the side of a learned table of
    positions, 0 to compute them. `frames` is the number of temporal positions.
    """

    heads: int
    head_dim: int = 64
    layers: int
    variant: Variant = 1
    in_channels: int = 4
    out_channels: int = 8
    patch: int = 2
    patch_frames: int = 1
    conditioning: Conditioning = "none"
    classes: int = 0
    condition_form: Literal["adaln", "tokens"] = "adaln"
    text_dim: int = 1
    text_length: int = 2
    caption_dim: int = 0
    temporal_positions: Literal["sincos", "rotary"] = "sincos"
    tells_rate: bool = False
    """Whether clips are conditioned on their frame rate and frame count."""
    sample_size: int = 32
    interpolation_scale: float = 1.0
    position_table: int = 0
    frames: int = 49
    padding: Literal["attended", "left_out"] = "attended"
    """Whether a caption's padding (rows of zeros at its end) is attended to; PixArt and Latte mask it."""

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise ConfigError(f"frames = {self.frames}: must be 2 or more; a Latte of one frame is an image model")
        if self.variant not in (1, 2, 3, 4):
            raise ConfigError(f"variant = {self.variant}; Latte has 1, 2, 3 and 4")
        if self.variant <= 2 and self.layers % 2:
            raise ConfigError(
                f"layers = {self.layers}: must be even; variants 1 and 2 pair spatial and temporal blocks"
            )
        if self.variant == 4 and self.heads % 2:
            raise ConfigError(f"heads = {self.heads}: must be even; variant 4 splits them between space and time")
        if self.width % 4:
            raise ConfigError(f"heads x head_dim = {self.width}: 2D position embeddings need a multiple of 4")
        if self.temporal_positions == "rotary" and self.head_dim % 2:
            raise ConfigError(f"head_dim = {self.head_dim}: rotary positions need an even number")
        if (self.classes > 0) != (self.conditioning == "class"):
            raise ConfigError(f"classes = {self.classes} and conditioning = {self.conditioning}: one needs the other")

    @property
    def width(self) -> int:
        """Width of the residual stream."""
        return self.heads * self.head_dim

    @property
    def spatial_blocks(self) -> int:
        """Number of blocks in `transformer_blocks`: the spatial ones, or in variants 3 and 4 the joint ones."""
        return self.layers // 2 if self.variant <= 2 else self.layers

    @property
    def joint(self) -> bool:
        """Whether each block attends in space and in time (variants 3 and 4)."""
        return self.variant >= 3

    @property
    def inner_dim(self) -> int:
        """Total width of the heads of one attention: `width`, or half of it in variant 4."""
        return self.width // 2 if self.variant == 4 else self.width

    @property
    def max_frames(self) -> int | None:
        """The largest number of latent frames per clip; None with rotary positions, which take any."""
        return self.frames * self.patch_frames if self.temporal_positions == "sincos" else None

    @property
    def activations_per_token(self) -> int:
        """Measured; a joint block has two attentions."""
        return 50 if self.joint else 30

    @property
    def float32_share(self) -> float:
        """Norms and the residual stream (measured: 0.4)."""
        return 0.4

    @property
    def reads_captions(self) -> bool:
        """False for class-conditional and unconditional models."""
        return self.conditioning == "text"

    @property
    def learns_variance(self) -> bool:
        """Whether the second half of the output channels is the learned variance."""
        return self.out_channels == 2 * self.in_channels

    @property
    def text_in_sequence(self) -> bool:
        """False: captions are read by cross-attention."""
        return False

    @property
    def modulation(self) -> Literal["shared", "own", "none"]:
        """Where shift, scale and gate come from: one network shared by all blocks, one per block, or none."""
        if self.condition_form == "tokens":
            return "none"
        return "shared" if self.conditioning == "text" else "own"

    @property
    def patch_dim(self) -> int:
        """Values in one patch of the input: `in_channels * patch_frames * patch**2`."""
        return self.in_channels * self.patch_frames * self.patch**2

    @property
    def output_dim(self) -> int:
        """Values per token of the last linear layer: `out_channels * patch**2`."""
        return self.out_channels * self.patch**2

    @property
    def parameters(self) -> int:
        """Total number of parameters."""
        return count_parameters(self)

    def to_diffusers(self) -> dict[str, Any]:
        """The `config.json` of diffusers' `LatteTransformer3DModel`. Raises `ConfigError` for options that it lacks."""
        free = (*_NAMES, "layers", "text_length")
        expected = replace(_LATTE_1, **{name: getattr(self, name) for name in free})
        expected = replace(expected, interpolation_scale=_scale_of(self.sample_size))
        others = [name for name in self.__slots__ if getattr(self, name) != getattr(expected, name)]
        if others:
            has = ", ".join(f"{name} = {getattr(self, name)!r} (there: {getattr(expected, name)!r})" for name in others)
            raise ConfigError(f"diffusers' LatteTransformer3DModel has no {has}; keep cutroom's own format")
        renamed = {theirs: getattr(self, ours) for ours, theirs in _NAMES.items()}
        return {
            **renamed,
            **_FIXED,
            "num_layers": self.layers // 2,
            "cross_attention_dim": self.width,
            "num_embeds_ada_norm": 1000,
        }

    @classmethod
    def from_diffusers(cls, config: Mapping[str, Any], text_length: int = 120) -> "LatteConfig":
        """Read `LatteTransformer3DModel`'s `config.json`. Raises `ConfigError` for an option that this model lacks."""
        sizes = _read(config, {ours: theirs for ours, theirs in _NAMES.items() if ours != "frames"})
        sizes["frames"] = config.get("video_length", 16)
        scale = _scale_of(sizes["sample_size"])
        return replace(
            _LATTE_1, **sizes, layers=2 * config["num_layers"], text_length=text_length, interpolation_scale=scale
        )

    @classmethod
    def from_pixart(
        cls, config: Mapping[str, Any], *, variant: Variant = 1, text_length: int = 120, **options: Any
    ) -> "LatteConfig":
        """A Latte that holds the `PixArtTransformer2DModel` of a `config.json`; `options` set any other fields.

        PixArt's blocks become the spatial ones, so variants 1 and 2 have twice as many. Variant 4 has half the heads
        per attention and cannot hold PixArt. For another text encoder pass its `text_dim`: an adapter maps it to
        PixArt's.
        Raises `ConfigError` for variant 4 and for an option that this model lacks.
        """
        if variant == 4:
            raise ConfigError(
                "variant = 4 cannot start from PixArt-alpha: it has half the spatial heads; take variant 1, 2 or 3"
            )
        sizes = _read(config, {ours: theirs for ours, theirs in _NAMES.items() if ours != "frames"})
        caption_dim = sizes.pop("text_dim")
        if options.setdefault("text_dim", caption_dim) != caption_dim:
            options.setdefault("caption_dim", caption_dim)
        layers = config["num_layers"] * (2 if variant <= 2 else 1)
        stored_scale = config.get("interpolation_scale")
        scale = _scale_of(sizes["sample_size"]) if stored_scale is None else stored_scale
        settings = {**sizes, "interpolation_scale": scale, **options}
        return replace(_LATTE_1, **settings, layers=layers, variant=variant, text_length=text_length)


def _scale_of(sample_size: int) -> float:
    """diffusers' default for `interpolation_scale`."""
    return float(max(sample_size // 64, 1))


def _read(config: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    width = config["num_attention_heads"] * config["attention_head_dim"]
    fixed = {**_FIXED, "cross_attention_dim": width, "upcast_attention": False, "attention_type": "default"}
    for name, value in fixed.items():
        if config.get(name, value) != value:
            raise ConfigError(f"{name} = {config[name]!r} in the checkpoint; only {value!r} is supported")
    absent = [theirs for theirs in names.values() if config.get(theirs) is None]
    if absent:
        raise ConfigError(f"the checkpoint's config.json lacks {', '.join(absent)}; add the values it was built with")
    return {ours: config[theirs] for ours, theirs in names.items()}


_NAMES = {
    "heads": "num_attention_heads",
    "head_dim": "attention_head_dim",
    "in_channels": "in_channels",
    "out_channels": "out_channels",
    "patch": "patch_size",
    "text_dim": "caption_channels",
    "sample_size": "sample_size",
    "frames": "video_length",
}
_FIXED = {
    "dropout": 0.0,
    "attention_bias": True,
    "activation_fn": "gelu-approximate",
    "norm_type": "ada_norm_single",
    "norm_elementwise_affine": False,
    "norm_eps": 1e-6,
}

_LATTE_1 = LatteConfig(
    heads=16,
    head_dim=72,
    layers=56,
    conditioning="text",
    text_dim=4096,
    text_length=120,
    sample_size=64,
    padding="left_out",
)
_SIZES = {"s": (6, 64, 12), "b": (12, 64, 12), "l": (16, 64, 24), "xl": (16, 72, 28)}
_DEBUG = LatteConfig(
    heads=4,
    head_dim=32,
    layers=6,
    in_channels=16,
    out_channels=32,
    conditioning="text",
    text_dim=384,
    text_length=96,
    sample_size=16,
    frames=64,
)
# The four debug presets have equal parameter counts within 2 %: a joint block is larger than one block of a pair.
PRESETS = {
    "debug": _DEBUG,
    "debug-2": replace(_DEBUG, variant=2),
    "debug-3": replace(_DEBUG, variant=3, layers=4),
    "debug-4": replace(_DEBUG, variant=4, layers=5),
    **{
        f"{size}-{patch}": LatteConfig(heads=heads, head_dim=head_dim, layers=layers, patch=patch)
        for size, (heads, head_dim, layers) in _SIZES.items()
        for patch in (2, 4, 8)
    },
    "latte-1": _LATTE_1,
}

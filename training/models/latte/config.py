"""The sizes and options of a Latte, and the presets: the paper's S to XL, Latte-1 (text to video), and debug ones.

Names of diffusers' `config.json` are read and written here and nowhere else.

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
    """One transformer. `layers` counts all blocks, as the paper does: a spatial and a temporal one are two.

    `variant` (2401.03048, figure 2): 1 spatial and temporal blocks in turn, 2 first all spatial then all temporal
    ones, 3 spatial then temporal attention inside each block, 4 both at once inside each block, with half the heads
    each. `condition_form`: `adaln` modulates every block (S-AdaLN; with text one shared network and a table per block,
    PixArt-alpha's adaLN-single), `tokens` adds one token for time and class to every frame instead. Text always comes
    by cross-attention; a class comes as `Segment.text` [1, 1] that holds its number, `classes` being none of them.

    `patch_frames` is s: 1 embeds every frame by itself, more embeds tubelets of s frames, and the output is upsampled
    in time. `text_width` is that of the text states; if `caption_width` is above 0, an adapter leads from there to the
    width that the caption projection was trained for. `interpolation_scale` divides places on a grid that has
    `sample_size // patch` steps however many patches there are. `position_table` is the side of a saved table of
    positions, 0 to compute them. `frames` is the most frames that temporal positions tell apart.
    """

    heads: int
    head_width: int = 64
    layers: int
    variant: Variant = 1
    in_channels: int = 4
    out_channels: int = 8
    patch: int = 2
    patch_frames: int = 1
    conditioning: Conditioning = "none"
    classes: int = 0
    condition_form: Literal["adaln", "tokens"] = "adaln"
    text_width: int = 1
    text_length: int = 2
    caption_width: int = 0
    temporal_positions: Literal["sincos", "rotary"] = "sincos"
    tells_rate: bool = False
    """Whether clips are told their frame rate and count."""
    sample_size: int = 32
    interpolation_scale: float = 1.0
    position_table: int = 0
    frames: int = 49
    padding: Literal["attended", "left_out"] = "attended"
    """Whether states of a caption's padding (rows of zeros at its end) are attended to; PixArt and Latte mask them."""

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise ConfigError(f"frames = {self.frames}: a Latte without time is a picture model; 2 or more")
        if self.variant not in (1, 2, 3, 4):
            raise ConfigError(f"variant = {self.variant}; Latte has 1, 2, 3 and 4")
        if self.variant <= 2 and self.layers % 2:
            raise ConfigError(f"layers = {self.layers}: variants 1 and 2 have a temporal block per spatial one; even")
        if self.variant == 4 and self.heads % 2:
            raise ConfigError(f"heads = {self.heads}: variant 4 gives half of them to space, half to time; even")
        if self.width % 4:
            raise ConfigError(f"heads x head_width = {self.width}: positions in two directions need a multiple of 4")
        if self.temporal_positions == "rotary" and self.head_width % 2:
            raise ConfigError(f"head_width = {self.head_width}: rotary positions need an even one")
        if (self.classes > 0) != (self.conditioning == "class"):
            raise ConfigError(f"classes = {self.classes} and conditioning = {self.conditioning}: one needs the other")

    @property
    def width(self) -> int:
        """Width of the residual stream."""
        return self.heads * self.head_width

    @property
    def spatial_blocks(self) -> int:
        """Blocks in `transformer_blocks`: spatial ones, or in variants 3 and 4 those that do both."""
        return self.layers // 2 if self.variant <= 2 else self.layers

    @property
    def joint(self) -> bool:
        """Whether one block attends in space and time (variants 3 and 4)."""
        return self.variant >= 3

    @property
    def axis_width(self) -> int:
        """Width of the heads that one attention of a block has."""
        return self.width // 2 if self.variant == 4 else self.width

    @property
    def most_frames(self) -> int | None:
        """Latent frames of a clip at most; rotary positions take any."""
        return self.frames * self.patch_frames if self.temporal_positions == "sincos" else None

    @property
    def kept_widths(self) -> int:
        """Widths per token and block that a backward pass needs: measured; a joint block has two attentions."""
        return 50 if self.joint else 30

    @property
    def float32_share(self) -> float:
        """Share of them that stays float32 under bfloat16: norms and the residual stream (measured: 0.4)."""
        return 0.4

    @property
    def reads_captions(self) -> bool:
        """Not with a class or without any condition."""
        return self.conditioning == "text"

    @property
    def learns_variance(self) -> bool:
        """Whether the second half of the output is the variance's share."""
        return self.out_channels == 2 * self.in_channels

    @property
    def text_in_sequence(self) -> bool:
        """A caption's tokens never stand among the patches."""
        return False

    @property
    def modulation(self) -> Literal["shared", "own", "none"]:
        """Where shift, scale and gate come from: one network for all blocks, one in each, or nowhere."""
        if self.condition_form == "tokens":
            return "none"
        return "shared" if self.conditioning == "text" else "own"

    @property
    def patch_values(self) -> int:
        """Numbers in one patch of the input."""
        return self.in_channels * self.patch_frames * self.patch**2

    @property
    def output_values(self) -> int:
        """Numbers that the last linear layer gives per token."""
        return self.out_channels * self.patch**2

    @property
    def parameters(self) -> int:
        """All weights."""
        return count_parameters(self)

    def to_diffusers(self) -> dict[str, Any]:
        """The `config.json` of diffusers' `LatteTransformer3DModel`. Raises `ConfigError` for what it has not."""
        free = (*_NAMES, "layers", "text_length")
        wanted = replace(_LATTE_1, **{name: getattr(self, name) for name in free})
        wanted = replace(wanted, interpolation_scale=_scale_of(self.sample_size))
        others = [name for name in self.__slots__ if getattr(self, name) != getattr(wanted, name)]
        if others:
            has = ", ".join(f"{name} = {getattr(self, name)!r} (there: {getattr(wanted, name)!r})" for name in others)
            raise ConfigError(f"diffusers' LatteTransformer3DModel has no {has}; keep cutroom's own format")
        found = {theirs: getattr(self, ours) for ours, theirs in _NAMES.items()}
        return {
            **found,
            **_FIXED,
            "num_layers": self.layers // 2,
            "cross_attention_dim": self.width,
            "num_embeds_ada_norm": 1000,
        }

    @classmethod
    def from_diffusers(cls, config: Mapping[str, Any], text_length: int = 120) -> "LatteConfig":
        """Read `LatteTransformer3DModel`'s `config.json`. Raises `ConfigError` for an option that this model lacks."""
        found = _read(config, {ours: theirs for ours, theirs in _NAMES.items() if ours != "frames"})
        found["frames"] = config.get("video_length", 16)
        scale = _scale_of(found["sample_size"])
        return replace(
            _LATTE_1, **found, layers=2 * config["num_layers"], text_length=text_length, interpolation_scale=scale
        )

    @classmethod
    def from_pixart(
        cls, config: Mapping[str, Any], *, variant: Variant = 1, text_length: int = 120, **options: Any
    ) -> "LatteConfig":
        """A Latte around `PixArtTransformer2DModel` as its `config.json` has it; `options` are any other fields.

        Its blocks become the spatial ones, so variants 1 and 2 have twice as many. Variant 4 takes half the heads away
        and cannot hold PixArt. For another text encoder give its `text_width`: an adapter leads to PixArt's.
        """
        if variant == 4:
            raise ConfigError("variant = 4 cannot start from PixArt-alpha: half of its spatial heads are gone; 1 to 3")
        found = _read(config, {ours: theirs for ours, theirs in _NAMES.items() if ours != "frames"})
        captions = found.pop("text_width")
        if options.setdefault("text_width", captions) != captions:
            options.setdefault("caption_width", captions)
        layers = config["num_layers"] * (2 if variant <= 2 else 1)
        given = config.get("interpolation_scale")
        scale = _scale_of(found["sample_size"]) if given is None else given
        found = {**found, "interpolation_scale": scale, **options}
        return replace(_LATTE_1, **found, layers=layers, variant=variant, text_length=text_length)


def for_sample_size(config: LatteConfig, sample_size: int) -> LatteConfig:
    """The configuration for latents of another side, each patch at the place in between that it has in the picture.

    Positions are interpolated as PixArt-alpha does (2310.00426, section 2.4; 512 px: 64 and 1, 1024 px: 128 and 2).
    """
    scale = config.interpolation_scale * sample_size / config.sample_size
    return replace(config, sample_size=sample_size, interpolation_scale=scale)


def _scale_of(sample_size: int) -> float:
    """diffusers' own choice where none is given."""
    return float(max(sample_size // 64, 1))


def _read(config: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    width = config["num_attention_heads"] * config["attention_head_dim"]
    fixed = {**_FIXED, "cross_attention_dim": width, "upcast_attention": False, "attention_type": "default"}
    for name, value in fixed.items():
        if config.get(name, value) != value:
            raise ConfigError(f"{name} = {config[name]!r} in the checkpoint; only {value!r} is supported")
    absent = [theirs for theirs in names.values() if config.get(theirs) is None]
    if absent:
        raise ConfigError(f"the checkpoint's config.json does not say {', '.join(absent)}; add what it was built with")
    return {ours: config[theirs] for ours, theirs in names.items()}


_NAMES = {
    "heads": "num_attention_heads",
    "head_width": "attention_head_dim",
    "in_channels": "in_channels",
    "out_channels": "out_channels",
    "patch": "patch_size",
    "text_width": "caption_channels",
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
    head_width=72,
    layers=56,
    conditioning="text",
    text_width=4096,
    text_length=120,
    sample_size=64,
    padding="left_out",
)
_SIZES = {"s": (6, 64, 12), "b": (12, 64, 12), "l": (16, 64, 24), "xl": (16, 72, 28)}
_DEBUG = LatteConfig(
    heads=4,
    head_width=32,
    layers=6,
    in_channels=16,
    out_channels=32,
    conditioning="text",
    text_width=384,
    text_length=96,
    sample_size=16,
    frames=64,
)
# The four debug ones have equally many weights within 2 %: a joint block is heavier than one of a pair.
PRESETS = {
    "debug": _DEBUG,
    "debug-2": replace(_DEBUG, variant=2),
    "debug-3": replace(_DEBUG, variant=3, layers=4),
    "debug-4": replace(_DEBUG, variant=4, layers=5),
    **{
        f"{size}-{patch}": LatteConfig(heads=heads, head_width=head_width, layers=layers, patch=patch)
        for size, (heads, head_width, layers) in _SIZES.items()
        for patch in (2, 4, 8)
    },
    "latte-1": _LATTE_1,
}

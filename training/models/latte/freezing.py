"""What learns when, for a Latte that starts from a picture model: globs over parameter names for `stages: trains`.

First only what is new, so that the picture model is not spoilt by layers that know nothing yet; then, step by step,
what was there before. In variants 1 to 4 everything temporal has `temporal` in its name.

    stages:
      - {name: time, trains: ["*temporal*"], ...}
      - {name: captions, trains: ["*temporal*", "transformer_blocks.*.attn2.*"], ...}

    python -m pytest tests/training/models/latte/test_freezing.py
"""

from training.models.latte.config import LatteConfig


def unfreezing(config: LatteConfig, upper: float = 0.5) -> dict[str, tuple[str, ...]]:
    """Name of each step to its globs, each step containing the one before; `upper` is the share of upper blocks.

    `temporal` also has the text adapter, if there is one; `captions` is left out where there are no captions.
    """
    steps = {"temporal": ("*temporal*",) + (("text_adapter.*",) if config.caption_width else ())}
    last = steps["temporal"]
    if config.conditioning == "text":
        last = steps["captions"] = (*last, "transformer_blocks.*.attn2.*")
    first = round(config.spatial_blocks * (1 - upper))
    blocks = tuple(f"transformer_blocks.{place}.*" for place in range(first, config.spatial_blocks))
    return {**steps, "upper": (*last, *blocks), "all": ("*",)}

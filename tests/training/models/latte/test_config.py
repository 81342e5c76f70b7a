"""Sizes are those of the paper, counted without building; configurations survive diffusers' names."""

from dataclasses import replace

import pytest
import torch
from diffusers import LatteTransformer3DModel, PixArtTransformer2DModel

from schemas.errors import ConfigError
from tests.training.models.latte.made import FORMS, SMALL
from training.models.latte.config import PRESETS, LatteConfig
from training.models.latte.model import Latte


def built(config: LatteConfig) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in Latte(config).parameters())


@pytest.mark.parametrize(
    ("name", "millions"),
    [("s-2", 32.48), ("b-2", 129.55), ("l-2", 456.82), ("xl-2", 673.68), ("latte-1", 1057.2)],
)
def test_presets_have_the_published_sizes(name: str, millions: float) -> None:
    config = PRESETS[name]
    assert built(config) == config.parameters
    assert config.parameters / 1e6 == pytest.approx(millions, abs=0.01 if millions < 1000 else 0.1)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_counts_what_it_builds(name: str) -> None:
    assert built(FORMS[name]) == FORMS[name].parameters


def test_debug_variants_are_equally_large() -> None:
    sizes = [PRESETS[name].parameters for name in ("debug", "debug-2", "debug-3", "debug-4")]
    assert sizes[0] == sizes[1]
    assert max(sizes) / min(sizes) < 1.02
    assert [PRESETS[name].variant for name in ("debug", "debug-2", "debug-3", "debug-4")] == [1, 2, 3, 4]


def test_configurations_survive_diffusers() -> None:
    for config in (SMALL, replace(PRESETS["latte-1"], sample_size=128, interpolation_scale=2.0)):
        with torch.device("meta"):
            theirs = LatteTransformer3DModel(**config.to_diffusers())
        assert LatteConfig.from_diffusers(dict(theirs.config), text_length=config.text_length) == config


def test_what_diffusers_has_not_is_named() -> None:
    with pytest.raises(ConfigError, match=r"variant = 3.*keep cutroom's own format"):
        FORMS["variant 3"].to_diffusers()
    with pytest.raises(ConfigError, match="temporal_positions = 'rotary'"):
        FORMS["rotary"].to_diffusers()
    with pytest.raises(ConfigError, match=r"interpolation_scale = 2\.0 \(there: 1\.0\)"):
        replace(SMALL, interpolation_scale=2.0).to_diffusers()
    with pytest.raises(ConfigError, match=r"norm_type = 'layer_norm'.*only 'ada_norm_single'"):
        LatteConfig.from_diffusers({**SMALL.to_diffusers(), "norm_type": "layer_norm"})
    with pytest.raises(ConfigError, match="lacks caption_channels"):
        LatteConfig.from_diffusers({**SMALL.to_diffusers(), "caption_channels": None})


def test_a_picture_models_configuration_gives_a_video_models() -> None:
    with torch.device("meta"):
        theirs = dict(PixArtTransformer2DModel(caption_channels=4096, num_layers=2, sample_size=128).config)
    config = LatteConfig.from_pixart(theirs, frames=24, text_dim=384)
    assert (config.layers, config.text_dim, config.caption_dim, config.frames) == (4, 384, 4096, 24)
    assert (config.sample_size, config.interpolation_scale, config.width) == (128, 2.0, 1152)
    assert LatteConfig.from_pixart(theirs, variant=3).layers == 2
    assert LatteConfig.from_pixart(theirs).caption_dim == 0
    assert LatteConfig.from_pixart({**theirs, "interpolation_scale": 1}).interpolation_scale == 1
    with pytest.raises(ConfigError, match="variant = 4 cannot start from PixArt"):
        LatteConfig.from_pixart(theirs, variant=4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variant": 5}, "variant = 5"),
        ({"layers": 3}, "layers = 3.*even"),
        ({"variant": 4, "heads": 3, "head_dim": 4}, "heads = 3"),
        ({"heads": 1, "head_dim": 6}, "multiple of 4"),
        ({"classes": 7}, "classes = 7"),
        ({"conditioning": "class"}, "classes = 0"),
    ],
)
def test_sizes_that_do_not_work_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **change)  # type: ignore[arg-type]

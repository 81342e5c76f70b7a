"""Places are diffusers', and stay where they are in the picture when its resolution changes."""

from dataclasses import replace

import pytest
import torch
from diffusers.models.embeddings import PatchEmbed, get_1d_sincos_pos_embed_from_grid

from tests.training.models.latte.made import SMALL, latte, segment
from training.models.latte.config import PRESETS
from training.models.latte.model import Latte
from training.models.latte.positions import resample_table, spatial_sines, temporal_freqs, temporal_sines


@pytest.mark.parametrize("scale", [1.0, 2.0, 0.5])
@pytest.mark.parametrize("grid", [(8, 8), (5, 12), (16, 16), (7, 3)])
def test_sines_are_those_of_diffusers(grid: tuple[int, int], scale: float) -> None:
    height, across = grid
    embed = PatchEmbed(16, 16, patch_size=2, in_channels=4, embed_dim=24, interpolation_scale=scale)
    torch.nn.init.zeros_(embed.proj.weight)
    torch.nn.init.zeros_(embed.proj.bias)
    with torch.no_grad():
        expected = embed(torch.zeros(1, 4, 2 * height, 2 * across))[0]
    assert torch.equal(spatial_sines(height, across, 24, 8, scale), expected)
    assert torch.equal(temporal_sines(9, 24), get_1d_sincos_pos_embed_from_grid(24, torch.arange(9)).float())


def test_another_resolution_keeps_places_in_the_picture() -> None:
    old = replace(PRESETS["latte-1"], sample_size=64)
    new = replace(old, sample_size=128, interpolation_scale=2.0)  # as PixArt-alpha's 1024-pixel model
    small = spatial_sines(32, 32, old.width, old.sample_size // 2, old.interpolation_scale).view(32, 32, -1)
    large = spatial_sines(64, 64, new.width, new.sample_size // 2, new.interpolation_scale).view(64, 64, -1)
    assert torch.equal(large[::2, ::2], small)


def test_saved_tables_are_resampled() -> None:
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(6.0), indexing="ij")
    table = torch.stack([rows, columns], dim=-1).view(1, 36, 2)
    assert resample_table(table, 6, 6) is table
    resampled = resample_table(table, 12, 3).view(12, 3, 2)
    # A patch's centre stays where it is in the picture. Cubic curves miss the straight line by less than a tenth of a
    # patch; at the border the table ends, and more is not known.
    assert torch.allclose(resampled[2:-2, 1, 0], (torch.arange(12)[2:-2] + 0.5) / 2 - 0.5, atol=0.1)
    assert torch.allclose(resampled[2:-2, 1, 1], torch.tensor(2.5), atol=1e-5)


def test_a_model_with_a_saved_table_equals_one_that_computes_it() -> None:
    computed = latte(SMALL)
    saved = Latte(replace(SMALL, position_table=4))
    state = computed.state_dict() | {"pos_embed.pos_embed": spatial_sines(4, 4, SMALL.width, 4, 1.0)[None]}
    saved.load_state_dict(state)
    clip = segment(SMALL, (2, 8, 8), 5, torch.float32)
    assert torch.equal(saved([clip])[0], computed([clip])[0])
    (larger,) = saved([segment(SMALL, (2, 12, 16), 5, torch.float32)])
    assert larger.shape == (2, 8, 12, 16)


def test_rotations_depend_on_the_distance_of_frames_alone() -> None:
    freqs = temporal_freqs(12, 16)
    assert torch.allclose(freqs.abs(), torch.ones(12, 8))
    assert torch.allclose(freqs[5] * freqs[2].conj(), freqs[9] * freqs[6].conj(), atol=1e-6)
    assert torch.equal(freqs[:4], temporal_freqs(4, 16))

"""Places are diffusers', and stay where they are in the picture when its resolution changes."""

from dataclasses import replace

import pytest
import torch
from diffusers.models.embeddings import PatchEmbed, get_1d_sincos_pos_embed_from_grid

from tests.training.models.latte.made import SMALL, latte, segment
from training.models.latte.config import PRESETS, for_sample_size
from training.models.latte.model import Latte
from training.models.latte.positions import resample_table, spatial_sines, temporal_sines, temporal_turns


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
    new = for_sample_size(old, 128)
    assert (new.sample_size, new.interpolation_scale) == (128, 2.0)
    small = spatial_sines(32, 32, old.width, old.sample_size // 2, old.interpolation_scale).view(32, 32, -1)
    large = spatial_sines(64, 64, new.width, new.sample_size // 2, new.interpolation_scale).view(64, 64, -1)
    assert torch.equal(large[::2, ::2], small)
    assert for_sample_size(new, 64) == old


def test_saved_tables_are_resampled() -> None:
    table = spatial_sines(16, 16, 32, 16, 1.0)[None]
    assert resample_table(table, 16, 16) is table
    found = resample_table(table, 32, 32)
    assert found.shape == (1, 1024, 32)
    # Pixels' centres stay where they are, so fine cell 2i + 1/2 lies at coarse cell i: compare means of four.
    means = found.view(16, 2, 16, 2, 32).mean(dim=(1, 3))
    smooth = slice(4, 16)  # the slow waves of the first half of the columns' sines
    inner = (means - table.view(16, 16, 32))[2:-2, 2:-2, smooth]
    assert inner[..., 4:8].abs().max() < 0.02
    assert resample_table(table, 10, 4).shape == (1, 40, 32)


def test_a_model_with_a_saved_table_equals_one_that_computes_it() -> None:
    computed = latte(SMALL)
    saved = Latte(replace(SMALL, position_table=4))
    state = computed.state_dict() | {"pos_embed.pos_embed": spatial_sines(4, 4, SMALL.width, 4, 1.0)[None]}
    saved.load_state_dict(state)
    one = segment(SMALL, (2, 8, 8), 5, torch.float32)
    assert torch.equal(saved([one])[0], computed([one])[0])
    (larger,) = saved([segment(SMALL, (2, 12, 16), 5, torch.float32)])
    assert larger.shape == (2, 8, 12, 16)


def test_rotations_depend_on_the_distance_of_frames_alone() -> None:
    turns = temporal_turns(12, 16)
    assert torch.allclose(turns.abs(), torch.ones(12, 8))
    assert torch.allclose(turns[5] * turns[2].conj(), turns[9] * turns[6].conj(), atol=1e-6)
    assert torch.equal(turns[:4], temporal_turns(4, 16))

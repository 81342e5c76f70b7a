"""The formula counts what torch counts."""

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.training.models.latte.made import FORMS, latte, segment
from training.models.latte.config import PRESETS
from training.models.latte.flops import forward_flops, training_flops


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", [(6, 8, 12), (1, 8, 12)])
def test_the_formula_counts_what_torch_counts(name: str, shape: tuple[int, int, int]) -> None:
    model = latte(FORMS[name]).double()
    config = model.config
    frames, height, width = shape
    clip = segment(config, (frames * config.patch_frames, height, width), 5)
    # The CPU's fused attention is not counted; written out as products of matrices it is.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model([clip])
    expected = forward_flops(config, (frames, height // 2, width // 2))
    assert counter.get_total_flops() == pytest.approx(expected, rel=1e-9)


def test_training_costs_three_forward_passes() -> None:
    config = PRESETS["debug"]
    clip = forward_flops(config, (5, 8, 8))
    assert training_flops(config, [320, 64]) == pytest.approx(3 * (clip + forward_flops(config, (1, 8, 8))))

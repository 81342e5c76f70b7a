"""Guidance grows from none to all of it, whatever the number of steps."""

import pytest
import torch

from training.sampling.guidance import guidance_scale, guide


@pytest.mark.parametrize("steps", [1, 7, 50, 1000])
def test_dynamic_guidance_begins_at_the_caption_alone_and_never_falls(steps: int) -> None:
    scales = [guidance_scale(step, steps, 6.0, dynamic=True) for step in range(steps)]
    assert scales[0] == 1.0
    assert scales == sorted(scales)
    assert scales[-1] <= 7.0


def test_dynamic_guidance_at_fifty_steps_is_the_published_formula() -> None:
    # 1 + 6 * (1 - cos(pi * 0.5^5)) / 2 and its end at 49 of 50, worked out by hand
    assert guidance_scale(25, 50, 6.0, dynamic=True) == pytest.approx(1.0144455, abs=1e-6)
    assert guidance_scale(49, 50, 6.0, dynamic=True) == pytest.approx(6.8649, abs=1e-3)


def test_constant_guidance_is_constant() -> None:
    assert {guidance_scale(step, 9, 3.5, dynamic=False) for step in range(9)} == {3.5}


def test_scale_one_is_the_caption_and_scale_zero_the_empty_one() -> None:
    conditional, other = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0])
    assert torch.equal(guide(conditional, other, 1.0), conditional)
    assert torch.equal(guide(conditional, other, 0.0), other)
    assert torch.equal(guide(conditional, other, 3.0), torch.tensor([3.0, -2.0]))

"""Random numbers belong to a purpose, a seed, a step and a sample, and to nothing else."""

from dataclasses import replace

import torch

from training.diffusion.random_keys import RandomKey, draw_normal

KEY = RandomKey(seed=1, step=2, position=3, count=8, sample_id="a")


def test_the_same_place_gives_the_same_numbers_whatever_was_drawn_before() -> None:
    first = draw_normal("noise", KEY, (4, 5))
    torch.randn(100)
    assert torch.equal(first, draw_normal("noise", KEY, (4, 5)))
    assert torch.equal(first, draw_normal("noise", replace(KEY, position=0, count=1), (4, 5)))


def test_another_purpose_seed_step_or_sample_gives_others() -> None:
    others = [
        draw_normal("posterior", KEY, (4, 5)),
        draw_normal("noise", replace(KEY, seed=2), (4, 5)),
        draw_normal("noise", replace(KEY, step=3), (4, 5)),
        draw_normal("noise", replace(KEY, sample_id="b"), (4, 5)),
    ]
    first = draw_normal("noise", KEY, (4, 5))
    assert not any(torch.equal(first, other) for other in others)

"""Copies of the first frame stand in front, as many as make the count divide."""

import torch

from training.models.repeat import repeat_first_frame


def test_copies_stand_in_front() -> None:
    clip = torch.arange(13.0).view(13, 1, 1, 1)
    assert repeat_first_frame(clip, 1) is clip
    assert repeat_first_frame(clip, 2).flatten().tolist() == [0.0, *range(13)]
    assert repeat_first_frame(clip, 4).flatten().tolist() == [0.0, 0.0, 0.0, *range(13)]
    assert repeat_first_frame(clip[:1], 2).flatten().tolist() == [0.0, 0.0]

"""The head gives the same result in pieces as at once; its members get the logits of the one for synthetic transitions.

python -m pytest tests/pipeline/stages/split/detectors/test_head.py
"""

import numpy as np
import pytest
import torch

from pipeline.stages.split.detectors import head as heads
from pipeline.stages.split.detectors.head import DRAWN_FEATURES, FEATURES, MEMBER_FEATURES, ShotHead, decide, load_drawn


def _features(frames: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (frames, FEATURES)).astype(np.float32)


def _head() -> ShotHead:
    torch.manual_seed(0)
    return ShotHead().eval()


def test_a_video_in_pieces_gets_the_same_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    head, features = _head(), _features(1200)
    whole = decide(head, features)
    assert whole.shape == (1200, 3)
    monkeypatch.setattr(heads, "_PIECE", 300)
    np.testing.assert_allclose(decide(head, features), whole, atol=1e-5)


def test_the_members_hear_the_one_for_drawn_transitions_but_not_louder_than_the_bound() -> None:
    head, features = _head(), torch.from_numpy(_features(50).T[None])
    bias = head.drawn.leave.bias
    assert bias is not None
    with torch.no_grad():
        quiet, logits = head.member_features(features), head.drawn(features[:, :DRAWN_FEATURES])
        bias += 100
        loud = head.member_features(features)
    assert quiet.shape == (1, MEMBER_FEATURES, 50)
    torch.testing.assert_close(quiet[:, :FEATURES], features)
    torch.testing.assert_close(quiet[:, FEATURES:], logits / 3)
    assert (loud[:, FEATURES:] == 4).all()


def test_the_packaged_member_for_drawn_transitions_fits_a_new_head() -> None:
    head = ShotHead()
    head.drawn.load_state_dict(load_drawn())
    assert head.drawn.enter.in_channels == DRAWN_FEATURES

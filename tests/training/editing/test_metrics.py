"""The measures of edits on vectors whose cosines are known."""

import numpy as np
import pytest

from training.editing.metrics import frame_consistency, psnr, text_alignment


def test_consistency_is_the_mean_cosine_of_all_pairs() -> None:
    vectors = np.array([[2, 0, 0], [0, 3, 0], [1, 1, 0]], np.float32)
    assert frame_consistency(vectors) == pytest.approx((0 + 2 * 0.5**0.5) / 3)
    assert frame_consistency(vectors[:1]) == 1
    assert frame_consistency(np.ones((4, 5), np.float32)) == pytest.approx(1)


def test_alignment_is_the_mean_cosine_with_the_prompt_whatever_the_lengths() -> None:
    vectors = np.array([[2, 0], [0, 5]], np.float32)
    assert text_alignment(vectors, np.array([7, 0], np.float32)) == pytest.approx(0.5)


def test_psnr_in_decibels() -> None:
    black, grey = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 16, np.uint8)
    assert psnr(grey, black) == pytest.approx(24.05, abs=0.01)
    assert psnr(grey, grey) == float("inf")

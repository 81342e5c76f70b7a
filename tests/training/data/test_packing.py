"""Packing by counts: every segment in exactly one pack, none over its length, and room for images kept.

python -m pytest tests/training/data/test_packing.py
"""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.data.packing import Capacity, join, pack

LENGTHS = st.lists(st.sampled_from([3, 5, 8, 13, 21, 34]), max_size=200)


@given(LENGTHS, st.integers(34, 120))
def test_every_item_is_in_exactly_one_pack_and_no_pack_is_too_long(lengths: list[int], length: int) -> None:
    items = np.arange(len(lengths)) + 1000
    packs = pack(items, np.array(lengths, np.int64), Capacity(length))
    assert sorted(packs.items.tolist()) == items.tolist()
    assert packs.sizes.min(initial=1) >= 1
    of = dict(zip(items.tolist(), lengths, strict=True))
    for first, end in zip(packs.starts[:-1], packs.starts[1:], strict=True):
        assert sum(of[item] for item in packs.items[first:end].tolist()) <= length


@given(LENGTHS.filter(bool))
def test_items_of_one_length_keep_their_order(lengths: list[int]) -> None:
    packed = pack(np.arange(len(lengths)), np.array(lengths), Capacity(60)).items
    for length in set(lengths):
        same_length = [item for item in packed.tolist() if lengths[item] == length]
        assert same_length == sorted(same_length)


def test_short_ones_fill_the_gaps_of_long_ones() -> None:
    lengths = np.array([60] * 10 + [25] * 10 + [15] * 10)
    packs = pack(np.arange(30), lengths, Capacity(100))
    assert len(packs) == 10
    assert packs.sizes.tolist() == [3] * 10


def test_another_mixture_is_taken_where_the_longest_first_wastes_room() -> None:
    # Most of the longest first gives 60 + 30 (90 of 100); 60 + 20 + 20 fills the pack.
    lengths = np.array([60, 30, 20, 20])
    packs = pack(np.arange(4), lengths, Capacity(100))
    assert sorted(lengths[packs.items[: packs.sizes[0]]].tolist()) == [20, 20, 60]


@given(LENGTHS, st.floats(0.1, 3), st.integers(1, 4))
def test_packs_of_several_keep_room_for_their_images(lengths: list[int], images: float, image_length: int) -> None:
    room = Capacity(80, images, image_length)
    packs = pack(np.arange(len(lengths)), np.array(lengths, np.int64), room)
    for first, size in zip(packs.starts, packs.sizes.tolist(), strict=False):
        used = sum(lengths[item] for item in packs.items[first : first + size].tolist())
        assert size == 1 or used + math.ceil(images * size) * image_length <= 80


@given(LENGTHS, st.integers(0, 1000))
def test_packs_are_taken_and_joined_whole(lengths: list[int], seed: int) -> None:
    packs = pack(np.arange(len(lengths)), np.array(lengths, np.int64), Capacity(50))
    order = np.random.default_rng(seed).permutation(len(packs)).tolist()
    whole = [packs.items[first:end].tolist() for first, end in zip(packs.starts, packs.starts[1:], strict=False)]
    half = len(order) // 2
    taken = join([packs.take(np.array(part, np.int64)) for part in (order[:half], order[half:])])
    again = [taken.items[first:end].tolist() for first, end in zip(taken.starts, taken.starts[1:], strict=False)]
    assert again == [whole[index] for index in order]

"""Divides the members of a stream (videos, or clips) into slices, and those of a slice into groups that stay as they
are: planned once, written down, and only added to.

slices = plan_slices(dataset, "groups/videos", fingerprint, video_ids, slice_of(video_ids), size=1)
"""

from collections.abc import Sequence
from functools import partial

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import make_plan
from pipeline.dataset.plan_files import PlanFiles
from pipeline.dataset.slices import places_by_slice
from pipeline.engine.groups import Group, Slice


def plan_slices(
    dataset: Dataset, folder: str, fingerprint: str, members: pa.Array | pa.ChunkedArray, slices: pa.Array, size: int
) -> list[Slice]:
    """The slices of `members` (`slices` names the slice of each), whose groups have at most `size` (>= 1) of them.

    `folder` and `fingerprint` name the plans that remember the groups.
    """
    plans = dataset.plans(folder, fingerprint)
    places = places_by_slice(slices)
    of_slice = {name: members.take(pa.array(where)) for name, where in places.items()}
    return [Slice(name, partial(_groups, plans, name, listed, size)) for name, listed in of_slice.items()]


def _groups(plans: PlanFiles, slice_name: str, members: pa.Array | pa.ChunkedArray, size: int) -> list[Group]:
    return plan_groups(plans, slice_name, members.to_pylist(), size)


def plan_groups(plans: PlanFiles, slice_name: str, members: Sequence[str], size: int) -> list[Group]:
    """The groups of the `members` of a slice; one that is no longer there leaves its group, new ones form new groups
    in their order."""
    known = plans.read(slice_name)
    plan = make_plan([(member, "") for member in members], known, {part.name for part in known}, size)
    if plan.new:
        plans.append(slice_name, plan.new)
    new = {part.name: frozenset(key for key, _ in part.rows) for part in plan.pending}
    return [Group(name, frozenset(keys)) for name, keys in {**plan.served, **new}.items()]

"""Divides members (videos, or clips) into groups that stay as they are: planned once, written down, and only added to.

groups = plan_groups(dataset, "groups/videos", fingerprint, video_ids, size=1)
"""

from collections.abc import Sequence

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import make_plan
from pipeline.engine.groups import Group


def plan_groups(dataset: Dataset, folder: str, fingerprint: str, members: Sequence[str], size: int) -> list[Group]:
    """The groups of `members`, of at most `size` (>= 1) each; a member that is no longer there leaves its group.

    New members form new groups in their order. `folder` and `fingerprint` name the plan that remembers the groups.
    """
    known = dataset.read_plan(folder, fingerprint)
    plan = make_plan([(member, "") for member in members], known, {part.name for part in known}, size)
    if plan.new:
        dataset.append_plan(folder, fingerprint, plan.new)
    new = {part.name: frozenset(key for key, _ in part.rows) for part in plan.pending}
    return [Group(name, frozenset(keys)) for name, keys in {**plan.served, **new}.items()]

"""Groups: the sources, or the clips, of a slice that flow through a stream together.

A group is small (the rows of one part of a stream's first stage), is planned once, and stays as it is while a dataset
grows. What a stage makes of a group depends on the group alone: so a killed run, once resumed, gives the same bytes,
and no worker waits for another.

    index = ByVideo([(part, key) for part, keys in run.served.items() for key in keys])
    index.within(group)
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import pyarrow as pa

from pipeline.dataset.slices import places_by_slice
from schemas.ids import clip_of, video_of

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Group:
    """A group's name, and the ids of its members: all videos, or all clips."""

    name: str
    members: frozenset[str]

    @property
    def videos(self) -> frozenset[str]:
        """The sources of its members."""
        return frozenset(video_of(member) for member in self.members)

    def membership(self) -> "_Membership":
        """A function that says whether a key (of a video, clip, still or sample) belongs to the group.

        A group of clips also holds their videos.
        """
        return _Membership(self.members, self.videos)


@dataclass(frozen=True, slots=True)
class Slice:
    """The members of a stream that are of one slice; its groups are planned only if there is something to do."""

    name: str
    groups: Callable[[], list[Group]]


class ByVideo(Generic[Item]):
    """Items by the videos of their keys, so that those of a group are found without a look at all."""

    def __init__(self, items: Iterable[tuple[str, Item]]) -> None:
        """`items` are (key, item) in an order that `within` keeps."""
        self._of_video: dict[str, list[tuple[int, str, Item]]] = defaultdict(list)
        for place, (key, item) in enumerate(items):
            self._of_video[video_of(key)].append((place, key, item))

    def within(self, group: Group) -> list[tuple[str, Item]]:
        """The (key, item) whose key belongs to the group, in the order given."""
        listed = (entry for video in group.videos for entry in self._of_video.get(video, ()))
        holds = group.membership()
        return [(key, item) for _, key, item in sorted(listed, key=lambda entry: entry[0]) if holds(key)]


class GroupedRows:
    """A table whose rows are asked for group by group. `column` holds ids of videos, clips, stills or samples."""

    def __init__(self, table: pa.Table, column: str) -> None:
        self._table = table
        self._places = ByVideo((key, place) for place, key in enumerate(table[column].to_pylist()))

    def of(self, group: Group) -> pa.Table:
        """The rows of a group, in the table's order."""
        return self._table.take(pa.array([place for _, place in self._places.within(group)], pa.int64()))

    def of_all(self, groups: Sequence[Group]) -> pa.Table:
        """The rows of several groups, in the table's order."""
        places = [place for group in groups for _, place in self._places.within(group)]
        return self._table.take(pa.array(sorted(places), pa.int64()))


class SlicedRows:
    """A table whose rows are asked for slice by slice. `slices` are the names of the rows' slices.

    `column` holds ids of videos, clips, stills or samples.
    """

    def __init__(self, table: pa.Table, column: str, slices: pa.Array) -> None:
        self._table, self._column = table, column
        self._places = places_by_slice(slices)

    def of(self, slice_name: str) -> pa.Table:
        """The rows of a slice, in the table's order."""
        places = self._places.get(slice_name)
        return self._table.slice(0, 0) if places is None else self._table.take(pa.array(places))

    def grouped(self, slice_name: str) -> GroupedRows:
        """The rows of a slice, to be asked for group by group."""
        return GroupedRows(self.of(slice_name), self._column)


@dataclass(frozen=True, slots=True)
class _Membership:
    members: Collection[str]
    videos: Collection[str]

    def __call__(self, key: str) -> bool:
        clip = clip_of(key)
        return video_of(key) in self.members or (clip in self.members if clip else key in self.videos)


def served_within(index: ByVideo[str], group: Group) -> dict[str, list[str]]:
    """What a stage has of a group: keys by part file, from an index of (key, part)."""
    parts: dict[str, list[str]] = defaultdict(list)
    for key, part in index.within(group):
        parts[part].append(key)
    return dict(parts)


def index_of(served: Mapping[str, Iterable[str]]) -> ByVideo[str]:
    """An index of what a stage has served, for `served_within`."""
    return ByVideo((key, part) for part, keys in served.items() for key in keys)

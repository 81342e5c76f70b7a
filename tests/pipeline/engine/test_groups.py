"""Groups: every row belongs to exactly one, they stay as they are while a dataset grows, and states survive the way.

python -m pytest tests/pipeline/engine/test_groups.py
"""

import tempfile
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import make_part
from pipeline.engine.group_state import GroupState, StageState, decode, encode
from pipeline.engine.grouping import plan_groups
from pipeline.engine.groups import ByVideo, Group, GroupedRows, index_of, served_within
from pipeline.storage.addresses import address_of, grant
from schemas.ids import clip_id, still_id, video_id

_VIDEOS = [video_id(f"{number}.mp4", number, "e") for number in range(4)]
_CLIPS = [clip_id(video, start, start + 2) for video in _VIDEOS for start in (-1.0, 0.0, 3.5)]
_STILLS = [still_id(clip, ordinal) for clip in _CLIPS for ordinal in (0, 1)]


@given(st.permutations(_STILLS), st.integers(1, 5))
def test_each_still_is_in_the_group_of_its_clip_and_of_its_video(stills: list[str], size: int) -> None:
    for members in (_VIDEOS, _CLIPS):
        groups = [Group(str(at), frozenset(members[at : at + size])) for at in range(0, len(members), size)]
        index = ByVideo((still, still) for still in stills)
        listed = [[still for still, _ in index.within(group)] for group in groups]
        assert sorted(still for of_group in listed for still in of_group) == sorted(stills)
        for group, of_group in zip(groups, listed, strict=True):
            assert of_group == [still for still in stills if any(still.startswith(f"{key}-") for key in group.members)]


def test_a_group_of_clips_also_holds_what_is_keyed_by_their_videos() -> None:
    group = Group("g", frozenset(_CLIPS[:2]))
    index = index_of({"part-a": _VIDEOS[:2], "part-b": [_CLIPS[0], _CLIPS[2]]})
    assert served_within(index, group) == {"part-a": [_VIDEOS[0]], "part-b": [_CLIPS[0]]}


def test_rows_of_a_group_keep_the_order_of_the_table() -> None:
    table = pa.table({"still_id": _STILLS[::-1], "n": list(range(len(_STILLS)))})
    rows = GroupedRows(table, "still_id")
    groups = [Group(video, frozenset([video])) for video in _VIDEOS]
    assert rows.of_all(groups[::-1]).equals(table)
    assert rows.of(groups[0])["n"].to_pylist() == sorted(rows.of(groups[0])["n"].to_pylist())


@given(st.lists(st.lists(st.sampled_from(_CLIPS), unique=True), max_size=5), st.integers(1, 4))
def test_members_stay_together_whatever_comes_and_goes(runs: list[list[str]], size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home: dict[str, str] = {}
        for members in runs:
            groups = plan_groups(Dataset(folder).plans("groups/clips", "f"), "slice-000000", members, size)
            placed = {member: group.name for group in groups for member in group.members}
            assert sorted(placed) == sorted(members)
            assert all(len(group.members) <= size for group in groups)
            assert all(home.setdefault(member, name) == name for member, name in placed.items())


def test_a_state_arrives_as_it_left_and_secrets_travel_beside_the_rows(tmp_path: Path) -> None:
    grant("https://h/a.mp4", "https://user:secret@h/a.mp4?sign=1")
    state = GroupState(
        group="g",
        given={"sources": pa.table({"video_id": ["v"], "uri": ["https://h/a.mp4"]}), "none": pa.table({"x": [1]})},
        served={"split": {"part-1": ["v"]}},
        before={"embed": StageState(known=[make_part([("v-0-1", "i")])], committed=["part-1"], failed={"p": ["v"]})},
        planned={"embed": [make_part([("v-0-2", "i")])]},
        reports={"embed": {"rows": 1}},
        fatal=("StageError", "why"),
    )
    arrived = decode(encode([state]))
    assert arrived == [state]
    assert address_of("https://h/a.mp4") == "https://user:secret@h/a.mp4?sign=1"
    assert "secret" not in encode([state])["state"][0].as_py()

"""The cache of replies: nothing is asked twice, nothing is mixed up, and no file can stop a run."""

import asyncio
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.cache import CachedChat, ReplyCache
from captioning.chat import ChatReply, ChatRequest, ImageBytes, Message

ROOT = Path(__file__).resolve().parents[2]
ASKING = """
import sys
from pathlib import Path
from captioning.cache import ReplyCache
from captioning.chat import ChatReply
cache = ReplyCache(Path(sys.argv[1]))
mine = sys.argv[2]
for place in range(300):
    for owner in (mine, "both"):
        key = f"{owner}-{place}"
        found = cache.get(key)
        assert found is None or found.id == key, found
        cache.put(key, ChatReply(id=key, text=f"{key} said"))
assert all(cache.get(f"{mine}-{place}").text == f"{mine}-{place} said" for place in range(300))
"""


class Oracle:
    """A model that answers in the order that it is told to, fails where it is told to, and remembers its questions."""

    name, model = "oracle", "oracle 1"

    def __init__(self, order: Sequence[int] = (), failing: frozenset[str] = frozenset()) -> None:
        self._order, self.failing = order, failing
        self.asked: list[str] = []

    async def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
        """Each answer repeats its question."""
        places = {request.id: index for index, request in enumerate(requests)}
        order = list(self._order) or [0]
        for request in sorted(requests, key=lambda request: order[places[request.id] % len(order)]):
            self.asked.append(request.id)
            error = "down" if request.id in self.failing else None
            yield ChatReply(id=request.id, text="" if error else f"{request.messages[0].text}!", error=error)


def question(id: str, text: str = "") -> ChatRequest:
    return ChatRequest(id=id, messages=(Message("user", text or f"what is {id}"),), max_tokens=8)


def ask(chat: CachedChat, requests: Sequence[ChatRequest]) -> list[ChatReply]:
    async def collect() -> list[ChatReply]:
        return [reply async for reply in chat.chat(requests)]

    return asyncio.run(collect())


def test_a_question_is_paid_for_once_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "below" / "replies.sqlite"
    oracle = Oracle()
    first = ask(CachedChat(oracle, ReplyCache(path)), [question("a"), question("b")])
    again = CachedChat(oracle, ReplyCache(path))
    second = ask(again, [question("b"), question("c"), question("a")])
    assert (again.name, again.model) == ("oracle", "oracle 1")
    assert oracle.asked == ["a", "b", "c"]
    assert [reply.cached for reply in first] == [False, False]
    assert {reply.id: (reply.text, reply.cached) for reply in second} == {
        "a": ("what is a!", True),
        "b": ("what is b!", True),
        "c": ("what is c!", False),
    }


def test_another_question_under_the_same_id_is_asked(tmp_path: Path) -> None:
    oracle = Oracle()
    chat = CachedChat(oracle, ReplyCache(tmp_path / "replies.sqlite"))
    picture = ChatRequest(id="a", messages=(Message("user", "what is a", (ImageBytes("p", b""),)),), max_tokens=8)
    ask(chat, [question("a")])
    ask(chat, [question("a", "and now")])
    ask(chat, [picture])
    assert oracle.asked == ["a", "a", "a"]


def test_a_reply_is_kept_the_moment_it_arrives(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"

    async def stop_after_one() -> ChatReply:
        replies = CachedChat(Oracle(), ReplyCache(path)).chat([question("a"), question("b")])
        async for reply in replies:
            return reply
        raise AssertionError("there is a reply")

    kept = asyncio.run(stop_after_one())
    reply = ReplyCache(path).get(question(kept.id).key("oracle 1"))
    assert reply is not None
    assert reply.text == kept.text


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from("abcdefgh"), max_size=8, unique=True),
            st.permutations(range(8)),
            st.frozensets(st.sampled_from("abcdefgh"), max_size=3),
        ),
        max_size=6,
    )
)
def test_any_order_any_repetition_any_failure(rounds: list[tuple[list[str], list[int], frozenset[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = ReplyCache(Path(folder) / "replies.sqlite")
        known: set[str] = set()
        for ids, order, failing in rounds:
            oracle = Oracle(order, failing)
            replies = ask(CachedChat(oracle, cache), [question(id) for id in ids])
            assert sorted(reply.id for reply in replies) == sorted(ids)
            assert set(oracle.asked) == set(ids) - known
            assert len(oracle.asked) == len(set(oracle.asked))
            for reply in replies:
                if reply.error is None:
                    assert reply.text == f"what is {reply.id}!"
                assert reply.cached == (reply.id in known)
                assert (reply.error is not None) == (reply.id in failing - known)
            known |= set(ids) - failing
        cache.close()


@pytest.mark.parametrize("count", [1, 200])
def test_a_reply_comes_back_as_it_was(tmp_path: Path, count: int) -> None:
    cache = ReplyCache(tmp_path / "replies.sqlite")
    text = "a\nline, a 'quote', \x00 and 走路 " * count
    given = ChatReply(id="a", text=text, finish_reason="length", prompt_tokens=3, completion_tokens=2, attempts=4)
    cache.put("key", given)
    reply = cache.get("key")
    assert reply is not None
    assert reply.cached
    assert reply.to_json() == given.to_json()


def test_a_reply_of_another_id_is_not_believed(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "replies.sqlite")
    cache.put(question("a").key("oracle 1"), ChatReply(id="b", text="what b is"))
    (reply,) = ask(CachedChat(Oracle(), cache), [question("a")])
    assert (reply.id, reply.text, reply.cached) == ("a", "what is a!", False)


def test_a_line_of_another_version_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    cache = ReplyCache(path)
    for key, line in (("torn", '{"id": "a"'), ("newer", '{"id": "a", "mood": "good"}'), ("odd", "[1]")):
        with sqlite3.connect(path) as database:
            database.execute("INSERT INTO replies VALUES (?, ?)", (key, line))
        database.close()
        assert cache.get(key) is None
    cache.put("torn", ChatReply(id="a", text="whole"))
    assert cache.get("torn") is not None


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE cookies (name)")
    database.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"no database at all " * 100),
        lambda path: path.mkdir(),
        _foreign,
        lambda path: path.parent.rmdir() or path.parent.write_text("a file where a folder should be"),
    ],
    ids=["rubbish", "folder", "another program's", "no folder"],
)
def test_a_file_that_is_no_cache_costs_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: object
) -> None:
    path = tmp_path / "below" / "replies.sqlite"
    path.parent.mkdir()
    spoil(path)  # type: ignore[operator]
    before = path.read_bytes() if path.is_file() else b""
    oracle = Oracle()
    for _ in range(2):
        (reply,) = ask(CachedChat(oracle, ReplyCache(path)), [question("a")])
        assert (reply.text, reply.cached) == ("what is a!", False)
    assert oracle.asked == ["a", "a"]
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 2
    assert all(str(path) in line and "model.cache" in line for line in warnings)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_file_that_breaks_on_the_way_costs_one_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "replies.sqlite"
    chat = CachedChat(Oracle(), ReplyCache(path))
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE replies")
    database.close()
    replies = ask(chat, [question("a"), question("b")])
    assert [reply.text for reply in replies] == ["what is a!", "what is b!"]
    assert capsys.readouterr().err.count("warning") == 1


def test_processes_share_a_file_from_its_first_moment(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    names = ("one", "two", "three")
    running = [
        subprocess.Popen([sys.executable, "-c", ASKING, str(path), name], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for name in names
    ]
    errors = [process.communicate(timeout=120)[1] for process in running]
    assert errors == ["", "", ""]
    assert [process.returncode for process in running] == [0, 0, 0]
    cache = ReplyCache(path)
    for name in (*names, "both"):
        for index in range(300):
            reply = cache.get(f"{name}-{index}")
            assert reply is not None
            assert (reply.id, reply.text) == (f"{name}-{index}", f"{name}-{index} said")

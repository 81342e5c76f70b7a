"""Keeps every good reply of a model, so that no question is paid for twice: not after a crash, not after a new run.

A reply is stored the moment it arrives, under its request's key (id, words, pictures, decoding options) and the model's
name with its revision. Several processes may share a file. A file that cannot be used costs a warning, never the run.

    python -m pytest tests/captioning/test_cache.py
"""

import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from captioning.chat import ChatModel, ChatReply, ChatRequest
from captioning.thinking import strip_thinking

# "cutr": marks the file as ours, so that another program's database is left alone.
_APPLICATION = 0x63757472
_SECONDS_TO_WAIT = 30.0
_TABLE = "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL) STRICT, WITHOUT ROWID"


class ReplyCache:
    """Replies by key in one SQLite file on a local disk (its write-ahead log does not work across a network).

    It never raises: what cannot be read is asked again, what cannot be kept is paid for again, and the first trouble
    is told on stderr.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser()
        self._database: sqlite3.Connection | None = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._database = _open(self._path)
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def get(self, key: str) -> ChatReply | None:
        """The reply that was kept under the key, or None."""
        rows = self._execute("SELECT reply FROM replies WHERE key = ?", key)
        if not rows:
            return None
        try:
            # Earlier versions kept the thinking in the text.
            return strip_thinking(ChatReply.from_json(rows[0][0]))
        except (ValueError, TypeError):
            return None  # written by another version; it is asked for again and then replaced

    def put(self, key: str, reply: ChatReply) -> None:
        """Keep the reply; it is in the file, or will be after a crash of this process, when this returns."""
        self._execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", key, reply.to_json())

    def close(self) -> None:
        """Close the file; from here on nothing is found or kept."""
        if self._database is not None:
            self._database.close()
        self._database = None

    def _execute(self, statement: str, *values: str) -> list[tuple[str, ...]]:
        if self._database is None:
            return []
        try:
            return self._database.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeError) as error:
            if not _is_busy(error):
                self._give_up(error)
            return []

    def _give_up(self, error: Exception) -> None:
        self.close()
        print(
            f"warning: the cache of replies {self._path} cannot be used ({error}); replies are not kept. Delete the "
            "file, or name another on a local disk in model.cache",
            file=sys.stderr,
        )


def _open(path: Path) -> sqlite3.Connection:
    """Open the file, make it ours if it is new. Raises `sqlite3.Error` if it is something else."""
    # Every statement is its own transaction (isolation_level None). SQLite itself keeps threads apart.
    database = sqlite3.connect(path, timeout=_SECONDS_TO_WAIT, isolation_level=None, check_same_thread=False)
    try:
        database.execute("BEGIN IMMEDIATE")
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != _APPLICATION:
            raise sqlite3.DatabaseError("it is another program's database")
        database.execute(_TABLE)
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute("COMMIT")
        _write_ahead(database)
    except BaseException:
        database.close()
        raise
    return database


def _write_ahead(database: sqlite3.Connection) -> None:
    """Let readers and a writer work at once. SQLite does not wait by itself for the others before this switch."""
    end = time.monotonic() + _SECONDS_TO_WAIT
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)
    # Safe against a crash of the program; a power cut may cost the last replies, never the file.
    database.execute("PRAGMA synchronous = NORMAL")


def _is_busy(error: Exception) -> bool:
    # The lower byte of SQLite's code is its kind, the rest says more about it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


class CachedChat:
    """A `ChatModel` that asks another one only what the cache does not hold. It has that one's name and model."""

    def __init__(self, inner: ChatModel, cache: ReplyCache) -> None:
        self._inner, self._cache = inner, cache
        self.name, self.model = inner.name, inner.model

    async def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
        """Yield what the cache holds (`cached` is set), then what the model answers; its good replies are kept."""
        keys = {request.id: request.key(self.model) for request in requests}
        open_requests: list[ChatRequest] = []
        for request in requests:
            reply = self._cache.get(keys[request.id])
            # A reply of another id under this key would be words on the wrong picture: ask instead.
            if reply is None or reply.id != request.id or reply.error is not None:
                open_requests.append(request)
            else:
                yield reply
        if not open_requests:
            return
        async for reply in self._inner.chat(open_requests):
            if reply.error is None and reply.id in keys:
                self._cache.put(keys[reply.id], reply)
            yield reply

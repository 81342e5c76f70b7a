"""A persistent cache of model replies, so that no request is paid for twice, even after a crash or in another run.

A reply is stored when it arrives, under a key of its request (id, text, images, decoding options) and of the model's
name with its revision. Several processes may share a file. A file that cannot be used costs a warning, never the run.

    chat = CachedChat(OpenAIChat(config), ReplyCache(Path("~/.cache/cutroom/replies.sqlite")))
"""

import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from captioning.chat import ChatModel, ChatReply, ChatRequest
from captioning.thinking import strip_thinking

# "cutr" in ASCII: marks the file as ours, so that another program's database is left alone.
_APPLICATION = 0x63757472
_SECONDS_TO_WAIT = 30.0
_TABLE = "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL) STRICT, WITHOUT ROWID"


class ReplyCache:
    """Replies by key in one SQLite file on a local disk (its write-ahead log does not work on a network file system).

    It never raises. A reply that cannot be read or stored is requested again; the first error is printed on stderr.
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
        """The reply that is stored under the key, or None."""
        rows = self._execute("SELECT reply FROM replies WHERE key = ?", key)
        if not rows:
            return None
        try:
            # Earlier versions stored the thinking inside the text.
            return strip_thinking(ChatReply.from_json(rows[0][0]))
        except (ValueError, TypeError):
            return None  # written by another version; the request is sent again and the row replaced

    def put(self, key: str, reply: ChatReply) -> None:
        """Store the reply. Once this returns, the reply survives a crash of this process."""
        self._execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", key, reply.to_json())

    def close(self) -> None:
        """Close the file; from then on `get` returns None and `put` does nothing."""
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
            f"warning: the reply cache {self._path} cannot be used ({error}); replies are not kept. Delete the file, "
            "or set model.cache to another file on a local disk",
            file=sys.stderr,
        )


def _open(path: Path) -> sqlite3.Connection:
    """Open the database, or create it. Raises `sqlite3.Error` if the file is something else."""
    # Every statement is its own transaction (isolation_level None). SQLite itself serialises threads.
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
    """Switch to the write-ahead log, so that readers and a writer do not block each other.

    SQLite's own time-out does not cover this switch, so it is retried here while another process holds the file.
    """
    end = time.monotonic() + _SECONDS_TO_WAIT
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)
    # Safe against a crash of the process; a power cut may lose the last replies, but not corrupt the file.
    database.execute("PRAGMA synchronous = NORMAL")


def _is_busy(error: Exception) -> bool:
    # The low byte of an extended error code is the primary code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


class CachedChat:
    """A `ChatModel` that sends only cache misses to the `inner` one, and has its `name` and `model`."""

    def __init__(self, inner: ChatModel, cache: ReplyCache) -> None:
        self._inner, self._cache = inner, cache
        self.name, self.model = inner.name, inner.model

    async def chat(self, requests: Sequence[ChatRequest]) -> AsyncIterator[ChatReply]:
        """Yield the cached replies (`cached` is set), then the model's; those without an error are stored."""
        keys = {request.id: request.key(self.model) for request in requests}
        misses: list[ChatRequest] = []
        for request in requests:
            reply = self._cache.get(keys[request.id])
            # A reply with another id under this key would caption the wrong image: send the request instead.
            if reply is None or reply.id != request.id or reply.error is not None:
                misses.append(request)
            else:
                yield reply
        if not misses:
            return
        async for reply in self._inner.chat(misses):
            if reply.error is None and reply.id in keys:
                self._cache.put(keys[reply.id], reply)
            yield reply

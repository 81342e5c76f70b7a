"""The server behind `just view`: one page, the stills in full size, the samples as videos; on this machine only.

It listens on the loopback address and answers only requests with that host, so that no other page in the browser can
reach it under another name. Paths are looked up by id; no part of them reaches the file system.

    just view <dataset>
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from pipeline.readers.showing import Media

LOOPBACK = "127.0.0.1"
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",
}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, kw_only=True)
class ServedContent:
    """The served content: pages by path, stills (JPEG) and samples by id."""

    pages: Mapping[str, Media]
    still: Callable[[str], bytes | None] = field(repr=False)
    sample: Callable[[str], Media | None] = field(repr=False)

    def find(self, path: str) -> Media | None:
        """The content at a URL path; None if there is none."""
        if path in self.pages:
            return self.pages[path]
        kind, _, key = path.removeprefix("/").partition("/")
        key = unquote(key)
        if kind == "stills":
            image = self.still(key)
            return Media(content=image, type="image/jpeg") if image else None
        if kind == "samples":
            return self.sample(key)
        return None


class ViewServer(ThreadingHTTPServer):
    """Serves content on the loopback address; `port` 0 takes a free one."""

    daemon_threads = True

    def __init__(self, shown: ServedContent, port: int = 0) -> None:
        self.shown = shown
        super().__init__((LOOPBACK, port), _Handler)
        self.hosts = {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore disconnecting browsers; print anything else in one line."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            print(f"view: {type(error).__name__}: {error}", file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    server: ViewServer
    server_version, sys_version = "cutroom", ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def _answer(self, with_content: bool) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            self._send(HTTPStatus.FORBIDDEN, _text("this server answers to its own address only"), {}, with_content)
            return
        media = self.server.shown.find(urlsplit(self.path).path)
        if media is None:
            self._send(HTTPStatus.NOT_FOUND, _text("there is nothing here"), {}, with_content)
            return
        size = len(media.content)
        span = byte_range(self.headers.get("Range"), size)
        if span is None:
            self._send(HTTPStatus.OK, media, {"Accept-Ranges": "bytes"}, with_content)
            return
        first, end = span
        part = Media(content=media.content[first:end], type=media.type)
        content_range = {"Content-Range": f"bytes {first}-{end - 1}/{size}", "Accept-Ranges": "bytes"}
        self._send(HTTPStatus.PARTIAL_CONTENT, part, content_range, with_content)

    def _send(self, status: HTTPStatus, media: Media, more: Mapping[str, str], with_content: bool) -> None:
        self.send_response(status)
        headers = {"Content-Type": media.type, "Content-Length": str(len(media.content)), **_HEADERS, **more}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if with_content:
            self.wfile.write(media.content)

    def log_message(self, *_: object) -> None:
        """Requests are not logged."""


def _text(text: str) -> Media:
    return Media(content=f"{text}\n".encode(), type="text/plain; charset=utf-8")


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """(first, end) of a request's single byte range (RFC 9110, 14.1.2), for seeking in videos; None: send all."""
    match = _RANGE.fullmatch(header or "")
    if not match or match[0] == "bytes=-":
        return None
    if match[1]:
        first, end = int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
    else:
        first, end = max(0, size - int(match[2])), size
    return (first, end) if first < end else None

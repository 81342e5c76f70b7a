"""A web server on loopback that gives its files only to those who sign: `?X-Amz-Signature=<one of the keys>`.

with file_server(folder, {"first"}) as base: ...
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class _Signed(SimpleHTTPRequestHandler):
    keys: set[str]

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        given = parse_qs(urlsplit(self.path).query).get("X-Amz-Signature", [""])[0]
        path = Path(self.translate_path(self.path))
        if given not in self.server.keys or not path.is_file():  # type: ignore[attr-defined]
            self.send_error(403)
            return
        content = path.read_bytes()
        start, _, end = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        piece = content[int(start) : int(end) + 1 if end else None]
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(piece)))
        self.send_header("Content-Range", f"bytes {start}-{int(start) + len(piece) - 1}/{len(content)}")
        self.send_header("ETag", f'"{len(content)}-{path.stat().st_mtime_ns}"')
        self.end_headers()
        if with_body:
            self.wfile.write(piece)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def file_server(folder: Path, keys: set[str]) -> Iterator[str]:
    """The address of a server that gives out the files of a folder; `keys` may change while it runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Signed, directory=str(folder)))
    server.keys = keys  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

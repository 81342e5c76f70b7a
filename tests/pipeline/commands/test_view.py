"""The server of a report: what it serves, to whom, and what it does not.

python -m pytest tests/pipeline/commands/test_view.py
"""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.commands.view import open_server
from pipeline.commands.view_server import ViewServer, byte_range
from pipeline.dataset.folder import Dataset
from schemas.errors import DatasetError, InputError
from tests.pipeline.shown_dataset import FILM, SAMPLE_IDS, STILL_IDS, make_shown_dataset

Reply = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ViewServer]:
    with open_server(make_shown_dataset(tmp_path_factory.mktemp("shown"))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: ViewServer, path: str, method: str = "GET", **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


def test_it_listens_on_the_loopback_address_only(server: ViewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


def test_the_page_says_that_it_is_served(server: ViewServer) -> None:
    status, headers, page = ask(server, "/")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert b'<html lang="en" data-served>' in page


def test_stills_and_samples_come_by_id(server: ViewServer) -> None:
    status, headers, image = ask(server, f"/stills/{STILL_IDS[1]}")
    assert (status, headers["Content-Type"], image[:2]) == (200, "image/jpeg", b"\xff\xd8")
    status, headers, video = ask(server, f"/samples/{SAMPLE_IDS[1]}")
    assert (status, headers["Content-Type"], video) == (200, "video/mp4", SAMPLE_IDS[1].encode() + FILM)


def test_a_video_can_be_wound(server: ViewServer) -> None:
    whole = SAMPLE_IDS[0].encode() + FILM
    status, headers, part = ask(server, f"/samples/{SAMPLE_IDS[0]}", Range="bytes=100-199")
    assert (status, part) == (206, whole[100:200])
    assert headers["Content-Range"] == f"bytes 100-199/{len(whole)}"


@pytest.mark.parametrize(
    "path",
    [
        "/run.json", "/report/index.html", "/../run.json", "/stills/../run.json", "/stills/..%2f..%2frun.json",
        "/shards/", "/samples/small%2Ftrain-000000.tar", "/stills/", "/samples/none", "/%00",
        "//etc/passwd", "/stills/%ff",
    ],
)  # fmt: skip
def test_nothing_else_is_there(server: ViewServer, path: str) -> None:
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "localhost:1", ""])
def test_a_request_under_another_name_is_refused(server: ViewServer, host: str) -> None:
    status, _, content = ask(server, "/", Host=host)
    assert status == 403
    assert b"<html" not in content


def test_its_own_names_are_answered_and_nothing_can_be_written(server: ViewServer) -> None:
    assert ask(server, "/", Host=f"localhost:{server.server_port}")[0] == 200
    status, headers, content = ask(server, "/report.json", "HEAD")
    assert (status, headers["Content-Length"], content) == (200, "2", b"")
    assert ask(server, "/", "POST")[0] == 501


def test_without_a_report_it_says_what_to_do(tmp_path: Path) -> None:
    dataset = make_shown_dataset(tmp_path)
    dataset.store.remove("report/index.html")
    with pytest.raises(DatasetError, match="no report yet; `just report"):
        open_server(dataset)
    with pytest.raises(DatasetError, match="is missing"):
        open_server(Dataset(str(tmp_path / "nothing")))


def test_a_taken_port_is_an_error_with_a_fix(server: ViewServer, tmp_path: Path) -> None:
    for port in (server.server_port, 70_000):
        with pytest.raises(InputError, match="choose another --port"):
            open_server(make_shown_dataset(tmp_path), port)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None), ("bytes=0-", (0, 10)), ("bytes=2-4", (2, 5)), ("bytes=2-99", (2, 10)), ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)), ("bytes=10-", None), ("bytes=5-2", None), ("bytes=-", None), ("bytes=1-2,4-5", None),
        ("bytes=-0", None),
    ],
)  # fmt: skip
def test_ranges_are_read_as_the_standard_says(header: str | None, span: tuple[int, int] | None) -> None:
    assert byte_range(header, 10) == span

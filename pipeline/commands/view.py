"""`just view <dataset>`: the caption report in the browser, with stills in full size and samples as videos.

just view datasets/demo
"""

import argparse
import sys
import webbrowser

from pipeline.commands.arguments.view import parse
from pipeline.commands.view_server import ServedContent, ViewServer
from pipeline.dataset.folder import Dataset
from pipeline.readers.showing import Media, Samples, Stills
from schemas.command import run_command
from schemas.errors import DatasetError, InputError

PAGE, DATA = "report/index.html", "report/report.json"
_MARK = b'<html lang="en">'


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Serve until Ctrl-C."""
    with open_server(Dataset(parsed.dataset), parsed.port) as server:
        print(server.url, flush=True)
        print("Ctrl-C ends it", file=sys.stderr)
        if not parsed.no_browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended", file=sys.stderr)


def open_server(dataset: Dataset, port: int = 0) -> ViewServer:
    """A server of the dataset's report. Raises `DatasetError` if there is no report, `InputError` for a used port."""
    samples = Samples(dataset)
    shown = ServedContent(pages=_pages(dataset), still=Stills(dataset), sample=samples)
    try:
        return ViewServer(shown, port)
    except (OSError, OverflowError) as error:
        raise InputError(f"cannot listen on port {port}: {error}; choose another --port") from None


def _pages(dataset: Dataset) -> dict[str, Media]:
    try:
        page, data = (dataset.store.read(key) for key in (PAGE, DATA))
    except FileNotFoundError:
        raise DatasetError(
            f"{dataset.store.uri} has no report yet; `just report {dataset.store.uri}` makes one"
        ) from None
    # The page shows more when it is served; this attribute tells it.
    served = Media(content=page.replace(_MARK, b'<html lang="en" data-served>', 1), type="text/html; charset=utf-8")
    return {"/": served, "/index.html": served, "/report.json": Media(content=data, type="application/json")}


if __name__ == "__main__":
    run_command(main)

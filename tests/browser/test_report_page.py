"""The caption report in a real browser: it loads nothing, searches, pages, turns dark, fits a phone, runs no caption.

CHROMIUM=/usr/bin/chromium python -m pytest tests/browser -m browser
"""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from captioning.report.page import write_page
from pipeline.commands.view_server import ServedContent, ViewServer
from pipeline.readers.showing import Media
from tests.browser.chromium import ADVICE, find_chromium
from tests.captioning.report.made_report import BUCKETS, SOURCES, make_comparison, make_pictures, make_report

pytestmark = pytest.mark.browser
SAMPLES = 60


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    assert path, ADVICE
    with sync_playwright() as playwright:
        # Chromium's sandbox does not start for root, as in most containers.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("report")
    pictures = make_pictures()
    report, hostile = make_report(SAMPLES), make_report(30, hostile=True)
    pages = {
        "report": write_page(report, pictures, make_comparison(report)),
        "hostile": write_page(hostile, pictures, make_comparison(hostile)),
        "many": write_page(make_report(10_000), lambda _: None),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    return {name: folder / f"{name}.html" for name in pages}


class Watched:
    """A page with all that went wrong in it and all that it asked a network for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if not request.url.startswith(("data:", "file:")):
            self.requests.append(request.url)


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(color_scheme="light", viewport={"width": 1280, "height": 900})
    yield Watched(context.new_page())
    context.close()


def opened(watched: Watched, file: Path) -> Page:
    watched.page.goto(file.as_uri())
    expect(watched.page.locator("#cards > li").first).to_be_visible()
    return watched.page


def found(page: Page) -> int:
    """How many samples the gallery says it found."""
    page.wait_for_timeout(250)  # the search waits until one stops typing
    text = page.locator("#found").inner_text()
    match = re.match(r"([\d,]+) sample", text)
    return int(match[1].replace(",", "")) if match else 0


def test_it_is_shown_without_a_complaint_and_without_a_network(watched: Watched, files: dict[str, Path]) -> None:
    page = opened(watched, files["report"])
    assert page.locator("h1").inner_text() == "harbour"
    assert page.locator("#worst .card").count() == 20
    assert page.locator("#lengths svg .bar").count() > 5
    assert page.locator(".gates .failed").count() == 2
    assert found(page) == SAMPLES
    page.locator("#gallery").scroll_into_view_if_needed()
    assert watched.complaints == []
    assert watched.requests == []


def test_every_picture_loads(watched: Watched, files: dict[str, Path]) -> None:
    page = opened(watched, files["report"])
    page.evaluate("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager' })")
    page.wait_for_timeout(300)
    widths = page.evaluate("[...document.querySelectorAll('img')].map((one) => one.naturalWidth)")
    assert len(widths) > 60
    assert set(widths) == {299}  # 320x214 with the short side at 200


def test_searching_and_filtering_count_right(watched: Watched, files: dict[str, Path]) -> None:
    page, views = opened(watched, files["report"]), make_report(SAMPLES).samples
    page.fill("#search", "KETTLE while")
    expected = [view for view in views if "kettle" in view.record.dense]
    assert 0 < found(page) == len(expected) < SAMPLES
    assert page.locator("#cards mark").count() > 0
    page.select_option("#filter-source", SOURCES[0])
    assert found(page) == sum(view.record.source == SOURCES[0] for view in expected)
    page.fill("#search", "")
    page.select_option("#filter-source", "")
    page.select_option("#filter-bucket", BUCKETS[1])
    assert found(page) == sum(view.record.bucket == BUCKETS[1] for view in views)
    page.select_option("#filter-bucket", "")
    page.select_option("#filter-finding", "camera contradiction")
    assert found(page) == sum("camera_contradiction" in {finding.check for finding in view.findings} for view in views)
    page.select_option("#filter-finding", label="nothing found")
    assert found(page) == sum(not view.findings for view in views)
    page.fill("#search", "no such words")
    assert found(page) == 0


def test_a_sample_named_above_is_found_below(watched: Watched, files: dict[str, Path]) -> None:
    page = opened(watched, files["report"])
    button = page.locator("#worst [data-find]").first
    clip = button.inner_text()
    button.click()
    assert found(page) == 1
    assert page.locator("#cards h3").inner_text() == clip


def test_pages_turn_and_sorting_changes_them(watched: Watched, files: dict[str, Path]) -> None:
    page = opened(watched, files["report"])
    first = page.locator("#cards h3").all_inner_texts()
    assert len(first) == 24
    page.get_by_label("next page").click()
    second = page.locator("#cards h3").all_inner_texts()
    page.keyboard.press("Enter")  # the button keeps the focus, so the keyboard can go on
    third = page.locator("#cards h3").all_inner_texts()
    assert len({*first, *second, *third}) == SAMPLES
    assert "showing 49 to 60" in page.locator("#found").inner_text()
    page.select_option("#sort", "id")
    assert (
        page.locator("#cards h3").all_inner_texts()
        == sorted(view.record.sample_id for view in make_report(SAMPLES).samples)[:24]
    )


def test_what_is_folded_opens(watched: Watched, files: dict[str, Path]) -> None:
    page = opened(watched, files["report"])
    card = page.locator("#cards > li").first
    card.get_by_text("Frame captions").click()
    assert "seconds." in card.locator(".frames").inner_text()
    card.get_by_text("Measured and made by").click()
    assert "% of the diagonal per second" in card.inner_text()


def test_measures_are_shown_by_bucket_and_source(watched: Watched, files: dict[str, Path]) -> None:
    page = opened(watched, files["report"])
    page.get_by_label("by bucket").check(force=True)
    assert page.locator("#measures-groups tbody tr").count() == len(BUCKETS)
    page.get_by_label("by source").check(force=True)
    page.select_option("#measure", "words")
    assert page.locator("#measures-groups tbody tr").count() == len(SOURCES)
    assert "words" in page.locator("#measures-groups tbody").inner_text()


def test_it_follows_the_system_and_can_be_switched(watched: Watched, files: dict[str, Path]) -> None:
    page = opened(watched, files["report"])
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.click("#theme")
    dark = page.evaluate(colour)
    assert light != dark
    page.reload()
    assert page.evaluate(colour) == dark
    page.click("#theme")
    assert page.evaluate(colour) == light
    page.evaluate("localStorage.clear()")
    page.emulate_media(color_scheme="dark")
    page.reload()
    assert page.evaluate(colour) == dark


@pytest.mark.parametrize("name", ["report", "hostile"])
def test_a_phone_scrolls_down_only(watched: Watched, files: dict[str, Path], name: str) -> None:
    watched.page.set_viewport_size({"width": 360, "height": 740})
    page = opened(watched, files[name])
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


_CUT_OFF = """[...document.querySelectorAll('main *, body > nav')].filter((one) =>
  one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== "visible"
  && !one.matches("select, input, .away")).map((one) => `${one.tagName} ${one.className}`)"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_cut_off_on_a_phone(
    watched: Watched, files: dict[str, Path], theme: Literal["light", "dark"]
) -> None:
    """No table, strip or bar has to be moved sideways to be seen whole."""
    watched.page.set_viewport_size({"width": 400, "height": 800})
    watched.page.emulate_media(color_scheme=theme)
    page = opened(watched, files["report"])
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    page.wait_for_timeout(100)
    assert page.evaluate(_CUT_OFF) == []


def test_no_caption_runs(watched: Watched, files: dict[str, Path]) -> None:
    page = opened(watched, files["hostile"])
    assert found(page) == 30
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    page.get_by_label("by source").check(force=True)
    page.fill("#search", "onerror=")
    assert found(page) == 1
    page.wait_for_timeout(100)
    assert page.evaluate("window.executed") is None
    assert page.locator("script:not([type])").count() == 1
    assert "<img src=x onerror='window.executed = 2'>" in page.locator("#cards blockquote").inner_text()
    assert watched.complaints == []
    assert watched.requests == []


def test_where_it_is_served_stills_open_in_full_size_and_samples_play(watched: Watched, tmp_path: Path) -> None:
    report, film = make_report(5), tmp_path / "film.mp4"
    write_film(film)
    sample = Media(content=film.read_bytes(), type="video/mp4")
    served = write_page(report, make_pictures()).replace('<html lang="en">', '<html lang="en" data-served>', 1)
    pages = {"/": Media(content=served.encode(), type="text/html; charset=utf-8")}
    still = make_pictures(640, 428)
    known = {view.record.sample_id for view in report.samples}
    shown = ServedContent(pages=pages, still=still, sample=lambda key: sample if key in known else None)
    with ViewServer(shown) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            watched.page.goto(server.url)
            watched.page.locator("#cards .open").first.click()
            until(watched.page, "document.querySelector('dialog img')?.naturalWidth === 640")
            watched.page.keyboard.press("Escape")
            watched.page.locator("#cards .play").first.click()
            until(watched.page, "document.querySelector('dialog video')?.currentTime > 0")
        finally:
            server.shutdown()
            thread.join()
    assert watched.complaints == []
    assert all(url.startswith(server.url) for url in watched.requests)


def until(page: Page, holds: str) -> None:
    """Wait until an expression holds; the page's policy forbids the evaluation that `wait_for_function` lives on."""
    for _ in range(100):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"still not so after 10 s: {holds}")


def write_film(path: Path) -> None:
    """Two seconds of grey in H.264, as samples are."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for level in range(16):
            picture = np.full((96, 128, 3), 10 * level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def test_ten_thousand_samples_are_searched_at_once(watched: Watched, files: dict[str, Path]) -> None:
    page = opened(watched, files["many"])
    assert found(page) == 10_000
    spent = page.evaluate("""() => {
        const field = document.getElementById("search"), begin = performance.now();
        field.value = "kettle";
        field.form.requestSubmit();
        return performance.now() - begin;
    }""")
    assert 0 < found(page) < 10_000
    assert spent < 2000

"""The caption report as one HTML file that loads nothing: stills, data, style and script stand inside.

Captions, ids and sources come from models and from other people's files, so all text is escaped, the data cannot end
their script element, the script writes text only as text, and a content security policy lets no other script run.

    just report <dataset>
"""

import base64
import hashlib
from html import escape
from importlib.resources import files

from captioning.quality.compare import Comparison
from captioning.quality.records import Report
from captioning.report import parts
from captioning.report.changes import changes
from captioning.report.gallery import gallery_data, groups_data
from captioning.report.markup import count_of, data_block, tag
from captioning.report.strays import find_strays, strays
from captioning.report.thumbnails import MOST_BYTES, Pictures, choose_thumbnails
from captioning.report.verdict import verdict_markup
from captioning.report.worst import worst

_THEME = (
    '<button type="button" id="theme" class="needs-script" aria-pressed="false">'
    '<svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="7"/><path d="M10 3a7 7 0 0 1 0 14z"/></svg>'
    "<span>Dark</span></button>"
)
_SORTS = (("suspicion", "most suspicious first"), ("calm", "least suspicious first"), ("id", "by id"))


def write_page(
    report: Report, pictures: Pictures, against: Comparison | None = None, most_bytes: int = MOST_BYTES
) -> str:
    """The page as text that encodes as UTF-8. `most_bytes` bounds the thumbnails; the worst samples always have theirs.

    A sample without a caption, a still without a picture and a measure that is no number are shown as such.
    """
    thumbnails, left_out = choose_thumbnails(report.samples, report.worst, pictures, most_bytes)
    worst_ids = set(report.worst)
    shown_above = {
        frame.still_id for view in report.samples if view.record.sample_id in worst_ids for frame in view.record.frames
    }
    sections = {
        "changes": ("Changes", _changes(against)),
        "worst": ("Worst", _worst(report, thumbnails)),
        "strays": ("Strays", _strays(report)),
        "gates": ("Gates", parts.section("gates", "Gates", parts.gates(report.gates))),
        "measures": ("Measures", parts.section("measures", "Measures", parts.measures(report.measures))),
        "lengths": ("Lengths", parts.section("lengths", "Caption lengths", parts.histograms(report.histograms))),
        "repeats": ("Repeats", _repeats(report)),
        "funnel": ("Funnel", _funnel(report)),
        "making": ("Models", parts.section("making", "How the captions were made", parts.making(report))),
        "gallery": ("Gallery", _gallery(report, left_out)),
    }
    body = "".join(content for _, content in sections.values())
    links = "".join(tag("a", title, href=f"#{name}") for name, (title, content) in sections.items() if content)
    data = (
        data_block("data-samples", gallery_data(report))
        + data_block("data-groups", groups_data(report))
        + data_block("data-pictures", {key: jpeg for key, jpeg in thumbnails.items() if key not in shown_above})
    )
    style, script = _asset("page.css"), _asset("page.js")
    name = report.dataset.rstrip("/").rsplit("/", 1)[-1]
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<link rel="icon" href="data:,">'
        f"<title>Captions of {escape(name)}</title><style>{style}</style>"
    )
    page = (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n'
        f'<a class="skip" href="#content">Skip to the report</a>{_header(report, name)}'
        f'<nav aria-label="Sections">{links}</nav>\n<main id="content">{verdict_markup(report)}{parts.tiles(report)}'
        f"{body}{parts.notes(report.notes)}</main>\n{data}\n<script>{script}</script>\n</body></html>\n"
    )
    # A caption may hold half a surrogate pair, which UTF-8 cannot; as an escape it is still valid JSON.
    return page.encode("utf-8", "backslashreplace").decode()


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Own style, own script and inlined pictures; a server of this page may add stills and samples of its own."""

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'; "
        "img-src 'self' data:; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
    )


def _header(report: Report, name: str) -> str:
    where = tag("p", f"{escape(report.dataset)} · {escape(report.made)}", class_="where")
    title = tag("p", "Caption report", class_="eyebrow") + tag("h1", escape(name)) + where
    return tag("header", tag("div", title) + _THEME)


def _changes(against: Comparison | None) -> str:
    if against is None:
        return ""
    hint = f"From {against.before} to {against.after}."
    return parts.section("changes", "What changed", changes(against), hint)


def _worst(report: Report, thumbnails: dict[str, str]) -> str:
    hint = "The samples whose captions look wrong most, by the checks that found something."
    return parts.section("worst", f"The worst {len(report.worst)}", worst(report, thumbnails), hint)


def _strays(report: Report) -> str:
    hint = "Buckets and sources that are clearly worse than the whole: their 95 % intervals do not meet."
    return parts.section("strays", "Measures that stray", strays(find_strays(report)), hint)


def _repeats(report: Report) -> str:
    return parts.section(
        "repeats",
        "Repeated captions",
        parts.repeats(report.repeats),
        "One caption on several samples: either they are alike, or the captioner says little of them.",
    )


def _funnel(report: Report) -> str:
    hint = "Every video, clip and sample ended in exactly one state."
    return parts.section("funnel", "Funnel", parts.funnel(report.funnel), hint)


def _gallery(report: Report, left_out: int) -> str:
    sort = "".join(tag("option", text, value=value) for value, text in _SORTS)
    chosen = "".join(
        tag("label", tag("span", name) + tag("select", tag("option", f"any {name}", value=""), id=f"filter-{name}"))
        for name in ("finding", "bucket", "source")
    )
    field = (
        '<input type="search" id="search" placeholder="words, an id, a source" autocomplete="off" spellcheck="false">'
    )
    search = tag("label", tag("span", "search") + field, class_="wide")
    order = tag("label", tag("span", "sort") + tag("select", sort, id="sort"))
    tools = search + chosen + order
    bar = tag("form", tools, class_="tools needs-script", role="search", aria_label="Samples")
    hint = f"{count_of(len(report.samples), 'sample')}."
    if left_out:
        hint += f" {count_of(left_out, 'sample')} without thumbnails here, to keep this page small; "
        hint += "the worst samples and a random selection of the others have them."
    content = (
        bar
        + tag("noscript", tag("p", "Searching and paging through the samples needs JavaScript."))
        + tag("p", "", id="found", role="status", aria_live="polite")
        + tag("ol", "", id="cards", class_="cards")
        + tag("nav", "", id="pager", class_="pager", aria_label="Pages of samples")
    )
    return parts.section("gallery", "Gallery", content, hint)

"""The sections of the page, one function each: a report's facts in, escaped markup out; empty where there is nothing.

python -m pytest tests/captioning/report/test_page.py
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from captioning.quality.records import FunnelStep, Gate, Histogram, Measure, Report
from captioning.report.charts import draw_bar, draw_histogram, draw_interval, histogram_table
from captioning.report.markup import count_of, shown_name, shown_value, tag

KINDS = ("video", "clip", "sample")
STATES = ("shipped", "filtered", "duplicate", "unbucketed", "empty", "failed", "vanished")
_GOOD = {"low": "lower is better", "high": "higher is better", None: ""}
# Columns that narrow screens do without: the interval stands below the value there.
_WIDE = {"95 % interval": "wide", "": "wide"}
_MOST_REPEATS, _MOST_IDS, _MOST_REASONS = 20, 8, 12


def section(name: str, title: str, content: str, hint: str = "") -> str:
    """A section with its heading and a sentence below it; nothing if there is no content."""
    if not content:
        return ""
    sentence = tag("p", escape(hint), class_="hint") if hint else ""
    heading = tag("h2", escape(title), id=f"{name}-title")
    return tag("section", heading + sentence + content, id=name, aria_labelledby=f"{name}-title")


def table(headings: Sequence[str], rows: Iterable[str], caption: str = "") -> str:
    """A table that scrolls within itself on narrow screens; `rows` are markup."""
    head = tag("tr", "".join(tag("th", escape(text), scope="col", class_=_WIDE.get(text)) for text in headings))
    title = tag("caption", escape(caption)) if caption else ""
    inner = tag("table", title + tag("thead", head) + tag("tbody", "".join(rows)))
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption or headings[0])


def sample_link(sample_id: str) -> str:
    """A button that looks the sample up in the gallery."""
    return tag(
        "button", escape(sample_id), type="button", class_="id", data_find=sample_id, title="show in the gallery"
    )


def tiles(report: Report) -> str:
    """The numbers that a reader wants first."""
    total = len(report.samples)
    suspect = sum(bool(view.findings) for view in report.samples)
    failed = sum(view.record.error is not None or not view.record.dense for view in report.samples)
    words = sorted(len(view.record.dense.split()) for view in report.samples if view.record.dense)
    passed = sum(gate.passed for gate in report.gates)
    pairs = [
        (f"{total:,}", "sample" if total == 1 else "samples", ""),
        (f"{total - suspect:,}", "without a finding", f"{(total - suspect) / total:.0%}" if total else ""),
        (f"{failed:,}", "without a caption", ""),
        (f"{words[len(words) // 2]:,}" if words else "–", "words in the median dense caption", ""),
    ]
    if report.gates:
        pairs.append((f"{passed} of {len(report.gates)}", "gates hold", ""))
    shown = "".join(
        tag("div", tag("dt", escape(name)) + tag("dd", escape(value) + (tag("small", escape(more)) if more else "")))
        for value, name, more in pairs
    )
    return tag("dl", shown, class_="tiles")


def notes(lines: Sequence[str]) -> str:
    """What a reader must know before anything else."""
    if not lines:
        return ""
    return tag(
        "aside", tag("ul", "".join(tag("li", escape(line)) for line in lines)), class_="notes", aria_label="Notes"
    )


def gates(judged: Sequence[Gate]) -> str:
    """Each bound with its value and whether it holds."""
    shown = []
    for gate in judged:
        value = "not measured" if gate.value is None else f"value {gate.value:.4g}"
        verdict = tag("b", "holds" if gate.passed else "fails")
        shown.append(
            tag(
                "li",
                verdict + tag("code", escape(gate.rule)) + tag("span", escape(value)),
                class_="passed" if gate.passed else "failed",
            )
        )
    return tag("ul", "".join(shown), class_="gates") if shown else ""


def making(report: Report) -> str:
    """Models and prompts, with the samples that each prompt stands behind."""
    rows = [tag("dt", escape(shown_name(role))) + tag("dd", escape(model)) for role, model in report.models.items()]
    models = " ".join(report.models.values())
    used = (prompt_hash for view in report.samples for prompt_hash in view.record.prompt_hashes)
    hashes = Counter(prompt_hash for prompt_hash in used if prompt_hash not in models)
    if hashes:
        listed = ", ".join(
            tag("code", escape(prompt_hash)) + f" ({count_of(count, 'sample')})"
            for prompt_hash, count in hashes.most_common()
        )
        rows.append(tag("dt", "prompt hashes") + tag("dd", listed))
    return tag("dl", "".join(rows), class_="pairs") if rows else ""


def funnel(steps: Sequence[FunnelStep]) -> str:
    """Per kind: how many ended in which state, and the reasons."""
    cards = []
    for kind in dict.fromkeys([*KINDS, *(step.kind for step in steps)]):
        matching = [step for step in steps if step.kind == kind]
        if not matching:
            continue
        states = Counter[str]()
        for step in matching:
            states[step.state] += step.count
        known = [state for state in STATES if states[state]] + [state for state in states if state not in STATES]
        total = sum(states.values())
        legend = "".join(
            tag("li", tag("i", "", class_=f"state {state}") + tag("b", f"{states[state]:,}") + " " + escape(state))
            for state in known
        )
        title = tag("h3", tag("b", f"{total:,}") + " " + escape(kind if total == 1 else f"{kind}s"))
        bar = draw_bar([(state, states[state]) for state in known])
        listed = tag("ul", legend, class_="legend")
        cards.append(tag("div", title + bar + listed + _reasons(matching), class_="card"))
    return tag("div", "".join(cards), class_="funnel") if cards else ""


def _reasons(steps: Sequence[FunnelStep]) -> str:
    given = sorted((step for step in steps if step.reason), key=lambda step: -step.count)
    if not given:
        return ""
    listed = "".join(
        tag("li", tag("b", f"{step.count:,}") + f" {escape(step.state)}: {escape(step.reason)}")
        for step in given[:_MOST_REASONS]
    )
    left = sum(step.count for step in given[_MOST_REASONS:])
    more = tag("li", f"and {left:,} more for {count_of(len(given) - _MOST_REASONS, 'other reason')}") if left else ""
    return tag("details", tag("summary", "Why") + tag("ul", listed + more))


def measures(groups: Mapping[str, Sequence[Measure]]) -> str:
    """The measures of all samples; the page's script adds those per bucket and per source."""
    every = groups.get("all", ())
    if not every:
        return ""
    rows = {measure.name: _measure_row(measure) for measure in every}
    silent = [measure.name for measure in every if measure.better == "low" and measure.value == 0]
    headings = ("measure", "value", "95 % interval", "", "samples")
    shown = table(headings, (row for name, row in rows.items() if name not in silent), "Measures of all samples")
    if silent:
        listed = escape(", ".join(map(shown_name, silent)))
        inner = table(headings, (rows[name] for name in silent), "Measures at zero")
        shown += tag("details", tag("summary", f"{count_of(len(silent), 'check')} found nothing: {listed}") + inner)
    return _choice(groups) + tag("div", shown, id="measures-all") + tag("div", "", id="measures-groups", hidden=True)


def _measure_row(measure: Measure) -> str:
    most = 1.0 if measure.unit in ("share", "score") and measure.high <= 1 else 1.15 * measure.high
    meaning = (measure.doc[:1].upper() + measure.doc[1:].rstrip("."), _GOOD[measure.better])
    name = tag("b", escape(shown_name(measure.name))) + tag("small", escape(" · ".join(filter(None, meaning))))
    unit = "" if measure.unit in ("share", "score") else f" {measure.unit}"
    between = f"{shown_value(measure.low, measure.unit)} to {shown_value(measure.high, measure.unit)}"
    return tag(
        "tr",
        tag("th", name, scope="row")
        # The interval stands a second time below the value, for screens that have no room for its column.
        + tag(
            "td",
            shown_value(measure.value, measure.unit) + unit + tag("small", between, class_="narrow"),
            class_="value",
        )
        + tag("td", between, class_="number wide")
        + tag("td", draw_interval(measure.value, measure.low, measure.high, most), class_="drawn")
        + tag("td", f"{measure.count:,}", class_="number"),
    )


def _choice(groups: Mapping[str, Sequence[Measure]]) -> str:
    kinds = [kind for kind in ("bucket", "source") if any(name.startswith(f"{kind} ") for name in groups)]
    if not kinds:
        return ""
    options = "".join(
        tag("label", f'<input type="radio" name="group" value="{kind}"{" checked" if kind == "all" else ""}>' + text)
        for kind, text in [("all", "all samples"), *((kind, f"by {kind}") for kind in kinds)]
    )
    legend = tag("legend", "Measures of", class_="away")
    return tag("fieldset", legend + options, class_="choice needs-script")


def histograms(drawn: Sequence[Histogram]) -> str:
    """Each distribution as a drawing and as a table."""
    figures = []
    for histogram in drawn:
        if not histogram.counts:
            continue
        rest = tag("details", tag("summary", "As a table") + histogram_table(histogram))
        title = tag("figcaption", escape(shown_name(histogram.name)))
        figures.append(tag("figure", title + draw_histogram(histogram) + rest, class_="card"))
    return tag("div", "".join(figures), class_="grid") if figures else ""


def repeats(repeated: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """Captions that stand on several samples, the most frequent first."""
    ordered = sorted(repeated, key=lambda pair: -len(pair[1]))
    items = []
    for caption, keys in ordered[:_MOST_REPEATS]:
        more = f" and {len(keys) - _MOST_IDS:,} more" if len(keys) > _MOST_IDS else ""
        links = " ".join(sample_link(key) for key in keys[:_MOST_IDS])
        quote = tag("blockquote", escape(caption or "(no text)"))
        items.append(tag("li", quote + tag("p", f"{tag('b', count_of(len(keys), 'sample'))}: {links}{more}")))
    left = len(ordered) - _MOST_REPEATS
    more = tag("p", f"{count_of(left, 'more caption')} on several samples.", class_="hint") if left > 0 else ""
    return tag("ol", "".join(items), class_="repeats") + more if items else ""

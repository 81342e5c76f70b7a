"""The what-if page: the funnel, stills of what rules drop and keep, histograms with thresholds, the yield per bucket.

One HTML file. It loads nothing, runs no script, and follows the browser's light or dark setting.

    just what-if <dataset> cogvideox --html cogvideox.html
"""

from collections.abc import Iterable, Sequence
from html import escape

from pipeline.measures.clips_table import CLIPS
from pipeline.readers.what_if.fates import numbers_with_fates, valued, words_of
from pipeline.readers.what_if.funnel import Effect, Funnel, format_duration
from pipeline.readers.what_if.histogram import Fate, draw_histogram, draw_words
from pipeline.readers.what_if.stills import Thumbnails, draw_sides
from pipeline.stages.score.scorers.registry import SCORERS
from schemas.rule_sets import RULE_SETS

_STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b2430; --soft: #5d6877; --rule: #dfe3e8;
  --kept: #2563c9; --elsewhere: #a9c4ee; --here: #e2924b; --threshold: #b3261e }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1b2129; --ink: #e6eaf0; --soft: #98a3b3;
  --rule: #313a46; --kept: #5b9bff; --elsewhere: #33507d; --here: #c9772f; --threshold: #ff8a80 } }
* { box-sizing: border-box }
body { margin: 0; padding: 32px 24px 56px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
main { max-width: 1160px; margin: 0 auto }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 4px; font-weight: 650 }
h2 { font-size: 17px; margin: 36px 0 10px; font-weight: 650 }
p { margin: 4px 0 } code { font: 13px ui-monospace, Menlo, "DejaVu Sans Mono", monospace }
.soft, small { color: var(--soft) } small { font-size: 13px }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 14px 18px }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 16px }
.row { display: grid; grid-template-columns: minmax(210px, 30%) 1fr 150px; gap: 14px; align-items: center;
  padding: 7px 0; border-top: 1px solid var(--rule) } .row:first-child { border-top: 0 }
.row small { display: block; line-height: 1.35 } .numbers { text-align: right; font-variant-numeric: tabular-nums }
.bar { display: flex; height: 22px; border-radius: 4px; overflow: hidden; background: var(--page) }
.bar i { display: block; height: 100% } .kept { background: var(--kept); fill: var(--kept) }
.elsewhere { background: var(--elsewhere); fill: var(--elsewhere) } .here { background: var(--here); fill: var(--here) }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 10px; color: var(--soft); font-size: 13px }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 6px }
svg { display: block; width: 100%; height: auto; margin-top: 6px } .tick { fill: var(--soft); font-size: 11px }
.label { fill: var(--threshold); font-size: 12px; font-weight: 600 } .floor { stroke: var(--rule) }
.threshold { stroke: var(--threshold); stroke-width: 1.5; stroke-dasharray: 5 3 }
h3 { font-size: 15px; margin: 0 } table { border-collapse: collapse; margin-top: 6px }
td { padding: 3px 18px 3px 0; vertical-align: top } .card + .card { margin-top: 12px } .grid .card { margin: 0 }
.side { display: grid; grid-template-columns: 92px minmax(0, 1fr); gap: 12px; margin-top: 10px; align-items: start }
.side > p { font-variant-numeric: tabular-nums } .stills { display: flex; flex-wrap: wrap; gap: 8px }
figure { margin: 0 }
figure img { display: block; height: 96px; width: auto; max-width: 100%; border-radius: 5px; background: var(--page) }
figcaption { font-size: 13px; color: var(--soft); font-variant-numeric: tabular-nums }
p, h3, td, small { overflow-wrap: anywhere }
@media (max-width: 700px) { body { padding: 20px 14px 40px } figure img { height: 72px }
  .side { grid-template-columns: minmax(0, 1fr); gap: 4px }
  .row { grid-template-columns: 1fr auto } .bar { grid-column: 1 / -1; order: 3 } }
"""


def draw_page(
    dataset: str, texts: Sequence[str], funnel: Funnel, notes: Iterable[str], images: Thumbnails = lambda clip: None
) -> str:
    """The page as HTML; `texts` are the rules and rule sets as given, `images` returns a clip's thumbnail."""
    kept, measured = funnel.kept, funnel.measured
    samples = sum(funnel.samples.values())
    rules_text = ", ".join(f"<code>{escape(text)}</code>" for text in texts) or "no rule"
    parts = [
        f"<h1>{kept.clips} of {measured.clips} clips would be kept</h1>",
        f'<p class="soft">{format_duration(kept.seconds)} of {format_duration(measured.seconds)},'
        f" {_number(samples, 'sample')} in {_number(len(funnel.samples), 'bucket')} · {rules_text} ·"
        f" {escape(dataset)}</p>",
        *(f'<p class="soft">{escape(note)}</p>' for note in notes),
        "<h2>One after another</h2>",
        f'<div class="card">{_steps(funnel)}</div>',
        *draw_sides(funnel, images),
        *_histograms(funnel),
        "<h2>Yield per bucket</h2>",
        f'<div class="card">{_buckets(funnel)}</div>',
        *_sources(texts),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>What if: {escape(dataset)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def _steps(funnel: Funnel) -> str:
    rows, before = [], funnel.measured.clips
    effects: list[Effect | None] = [None, *funnel.effects, None, None]
    for (title, step), effect in zip(funnel.steps(), effects, strict=True):
        dropped = before - step.clips
        before = step.clips
        detail = f"drops {dropped}" if dropped else ""
        if effect:
            alone = f"alone keeps {_percent(effect.alone.clips, funnel.measured.clips)}"
            only = f"only it drops {effect.only}" if effect.only else ""
            detail = " · ".join(part for part in (effect.here and f"here {effect.here}", detail, alone, only) if part)
        total = funnel.measured.clips
        bar = _bar([("kept", step.clips, total, "left"), ("here", dropped, total, "dropped here")])
        numbers = f"<b>{step.clips}</b> {_percent(step.clips, total)}<small>{format_duration(step.seconds)}</small>"
        rows.append(_row(title, detail, bar, numbers))
    return "".join(rows)


def _histograms(funnel: Funnel) -> list[str]:
    cards = []
    for column in funnel.columns():
        rules = [bound for effect in funnel.effects if effect.rule.column == column for bound in effect.bounds]
        lacking = funnel.measured.clips - valued(funnel, column)
        spread = f" · {_number(lacking, 'clip')} without one passed" if lacking else ""
        if column in funnel.clips.words:
            words = words_of(funnel, column)
            svg, is_drawn = draw_words(words) if words else "", False
        else:
            values, fates = numbers_with_fates(funnel, column)
            is_drawn = len(values) > 0
            svg = draw_histogram(values, fates, rules) if is_drawn else ""
        written = "" if is_drawn else "<p>" + ", ".join(f"<code>{escape(rule.text)}</code>" for rule in rules) + "</p>"
        meaning = f"<small>{escape(_meaning(column))}{spread}</small>"
        cards.append(f'<div class="card"><h3>{escape(column)}</h3>{meaning}{written}{svg}</div>')
    if not cards:
        return []
    legend = (
        '<div class="legend"><span><i class="kept"></i>kept in the end</span>'
        '<span><i class="elsewhere"></i>passes here, dropped elsewhere</span>'
        '<span><i class="here"></i>dropped here</span></div>'
    )
    return ["<h2>Where the thresholds fall</h2>", legend, f'<div class="grid">{"".join(cards)}</div>']


def _meaning(column: str) -> str:
    """The documentation of a column, with its unit, from the table's contract or the scorer."""
    known = {entry.name: entry.doc.replace("`", "") for entry in CLIPS.columns}
    for scorer in SCORERS.values():
        known.update(scorer.measures)
    return known[column]


def _buckets(funnel: Funnel) -> str:
    rows = []
    most = max(funnel.measured.buckets.values(), default=0)
    for bucket, measured in sorted(funnel.measured.buckets.items()):
        kept, samples = funnel.kept.buckets.get(bucket, 0), funnel.samples.get(bucket, 0)
        bar = _bar([("kept", kept, most, "kept"), ("elsewhere", measured - kept, most, "not kept")])
        time = format_duration(samples * bucket.seconds) if bucket.seconds else "images"
        numbers = f"<b>{kept}</b> of {measured}<small>{_number(samples, 'sample')}, {time}</small>"
        rows.append(_row(str(bucket), "", bar, numbers))
    lost = funnel.measured.clips - funnel.measured.bucketed
    more = f'<p class="soft">{_number(lost, "measured clip")} without a bucket.</p>' if lost else ""
    return "".join(rows) + more


def _sources(texts: Sequence[str]) -> list[str]:
    cards = []
    for rule_set in (RULE_SETS[text.strip()] for text in texts if text.strip() in RULE_SETS):
        rows = "".join(
            f"<tr><td><code>{escape(rule)}</code><td>{escape(reason)}" for rule, reason in rule_set.rules.items()
        )
        lacking = (
            f"<p><small>Not mapped: {escape('; '.join(rule_set.unmapped))}.</small></p>" if rule_set.unmapped else ""
        )
        source = f"<p>{escape(rule_set.source)}</p>"
        cards.append(f'<div class="card"><h3>{escape(rule_set.name)}</h3>{source}<table>{rows}</table>{lacking}</div>')
    return ["<h2>Where the rules come from</h2>", *cards] if cards else []


def _row(title: str, detail: str, bar: str, numbers: str) -> str:
    small = f"<small>{escape(detail)}</small>" if detail else ""
    return f'<div class="row"><div>{escape(title)}{small}</div>{bar}<div class="numbers">{numbers}</div></div>'


def _bar(pieces: Sequence[tuple[Fate, int, int, str]]) -> str:
    segments = "".join(
        f'<i class="{fate}" style="width:{100 * count / total:.2f}%" title="{count} {escape(name)}"></i>'
        for fate, count, total, name in pieces
        if count
    )
    return f'<div class="bar">{segments}</div>'


def _percent(count: int, total: int) -> str:
    return f"{count / total:.0%}" if total else "0%"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

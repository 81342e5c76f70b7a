"""`just what-if <dataset> "<rule>" ...`: what rules and rule sets would keep, without running anything again.

Measures of every clip are stored, so this takes seconds: clips, time and yield per bucket for each rule alone and for
all in sequence, as a funnel on the terminal, and with histograms and thresholds in one HTML file.

    just what-if datasets/demo "aesthetic in top 20%" "motion >= 1"
    just what-if datasets/demo cogvideox --html cogvideox.html
"""

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.arguments.what_if import PAGE as _PAGE
from pipeline.commands.arguments.what_if import parse
from pipeline.dataset.folder import Dataset
from pipeline.readers.history import History
from pipeline.readers.what_if.funnel import Funnel, format_duration, make_funnel
from pipeline.readers.what_if.judged import Judged
from pipeline.readers.what_if.page import draw_page
from pipeline.readers.what_if.stills import shown_clips, thumbnails_of
from pipeline.stages.score.scorers.aesthetic import LaionAesthetic
from pipeline.stages.score.scorers.registry import SCORERS
from pipeline.stages.select.measured import columns_of_rules, numbers_of
from pipeline.stages.select.select import check_rules
from pipeline.storage.store import Store
from schemas.command import run_command
from schemas.config import RunConfig, SelectConfig
from schemas.nearest import did_you_mean
from schemas.rule_sets import open_rules
from schemas.rules import Rule
from schemas.terminal import print_table

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection

_WIDTH = 100  # columns of the terminal that the output fits
_RULES_ABREAST = 8  # rules in one table


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Print and draw what the rules would keep."""
    from pipeline.dataset.query import querying

    dataset = Dataset(parsed.dataset)
    history = History(dataset)
    own = history.config.select.rules
    texts = parsed.rules or own
    with querying(dataset.store) as connection:
        funnel = judge(connection, texts, history)
        print_funnel(funnel)
        notes = [*unknown_words(funnel), *scale_mismatches(funnel, history.config)]
        if parsed.rules and own:
            both = judge(connection, [*own, *texts], history).kept.clips
            kept = history.kept(connection)
            notes.append(f"The last run's own rules ({', '.join(own)}) kept {kept}; with these added: {both}.")
        for note in notes:
            print(textwrap.fill(note, _WIDTH) + "\n")
        images = thumbnails_of(history, shown_clips(funnel))
        page = draw_page(dataset.store.uri, texts, funnel, notes, images.get)
    print(f"drawn: {_write(page, parsed.html, dataset.store)}")


def judge(connection: "Connection", texts: Sequence[str], history: History) -> Funnel:
    """The funnel of rules as written. Raises `RuleError` for an invalid rule or a column that was not measured."""
    rules = [rule for text in texts for rule in open_rules(text)]
    changed = history.config.model_copy(update={"select": SelectConfig(rules=list(texts))})
    check_rules(changed)
    measured = history.measured(connection, columns_of_rules(rules))
    return make_funnel(connection, measured, rules, changed, history.copies(connection))


def print_funnel(funnel: Funnel) -> None:
    """Print the funnel, the yield per bucket and the distribution of the values, in at most 100 columns."""
    total = max(funnel.measured.clips, 1)
    alone = [
        (number, effect.rule.text, effect.here, effect.alone.clips, round(100 * effect.alone.clips / total),
         _right_aligned(effect.alone.seconds), effect.alone.bucketed, effect.only)
        for number, effect in enumerate(funnel.effects, 1)
    ]  # fmt: skip
    if alone:
        headings = ("", "rule", "here", "kept", "%", "    time", "in buckets", "only it drops")
        print_table("Each rule alone", headings, alone)
    before, rows = funnel.measured.clips, []
    for title, step in funnel.steps():
        share = round(100 * step.clips / total)
        rows.append((title, before - step.clips, step.clips, share, _right_aligned(step.seconds), step.bucketed))
        before = step.clips
    print_table("One after another", ("", "dropped", "kept", "%", "    time", "in buckets"), rows)
    _print_buckets(funnel)
    spread = [_spread(name, funnel.clips) for name in funnel.columns()]
    print_table("Values", ("column", "clips", "least", "10 %", "50 %", "90 %", "most"), [row for row in spread if row])


def _print_buckets(funnel: Funnel) -> None:
    after = funnel.effects[-1].after if funnel.effects else funnel.measured
    buckets = sorted(funnel.measured.buckets)
    rows = [
        (str(bucket), funnel.measured.buckets[bucket], after.buckets.get(bucket, 0), funnel.kept.buckets.get(bucket, 0),
         funnel.samples.get(bucket, 0),
         _right_aligned(funnel.samples.get(bucket, 0) * bucket.seconds) if bucket.seconds else "  images")
        for bucket in buckets
    ]  # fmt: skip
    headings = ("bucket", "measured", "after the rules", "kept", "samples", "    time")
    print_table("Clips per bucket", headings, rows)
    for start in range(0, len(funnel.effects), _RULES_ABREAST):
        group = funnel.effects[start : start + _RULES_ABREAST]
        alone = [(str(bucket), *(effect.alone.buckets.get(bucket, 0) for effect in group)) for bucket in buckets]
        columns = (f"rule {start + number}" for number in range(1, len(group) + 1))
        print_table("Clips per bucket, each rule alone", ("bucket", *columns), alone)


def _spread(column: str, clips: Judged) -> tuple[object, ...] | None:
    if column in clips.words:
        return None
    values = numbers_of(clips.value(column), clips.rows)
    if not len(values):
        return None
    places = [round(quantile * (len(values) - 1)) for quantile in (0.0, 0.1, 0.5, 0.9, 1.0)]
    values.partition(places)
    return column, len(values), *(f"{values[place]:.4g}" for place in places)


def unknown_words(funnel: Funnel) -> list[str]:
    """A note for each word in a rule that no clip has: most likely a typo."""
    notes = []
    for rule in (effect.rule for effect in funnel.effects):
        if isinstance(rule, Rule) and isinstance(rule.threshold, str):
            value = funnel.clips.value(rule.column)
            words = funnel.clips.rows.filter(f"{value} IS NOT NULL").project(f"{value}::VARCHAR").distinct().fetchall()
            present = {word for (word,) in words}
            if rule.threshold not in present:
                notes.append(f"No clip's {rule.column} is {rule.threshold!r}; {did_you_mean(rule.threshold, present)}")
    return notes


def scale_mismatches(funnel: Funnel, config: RunConfig) -> list[str]:
    """A note if a published aesthetic threshold is applied to the ratings of another head."""
    rules = [rule for effect in funnel.effects if isinstance(rule := effect.rule, Rule) and rule.column == "aesthetic"]
    published = [f"{rule.rule_set}'s {rule.text}" for rule in rules if rule.rule_set]
    heads = [name for name in config.score.scorers if "aesthetic" in SCORERS[name].measures]
    if not published or LaionAesthetic.name in heads:
        return []
    return [
        f"{', '.join(published)}: a number on LAION's scale; this run's clips were rated by {', '.join(heads)}, where"
        " the same number means something else. `aesthetic in top 50%` selects a share instead."
    ]


def _right_aligned(seconds: float) -> str:
    return f"{format_duration(seconds):>8}"


def _write(page: str, requested: Path | None, store: Store) -> str:
    """Write the page into the dataset, or, if that is remote and the page hard to open there, to this folder."""
    if requested is None and store.is_local:
        store.write(_PAGE, page.encode())
        return store.path(_PAGE)
    target = (requested or Path(Path(_PAGE).name)).absolute()
    Store(target.parent).write(target.name, page.encode())
    return str(target)


if __name__ == "__main__":
    run_command(main)

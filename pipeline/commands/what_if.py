"""`just what-if <dataset> "<rule>" ...`: what rules would keep, before anything is run again.

Scores of every clip are stored, so the answer costs seconds: for each rule alone and for all together the clips, their
hours and how many would go to each bucket. Near-duplicates of the last run stay out.

    just what-if datasets/demo "aesthetic >= 4.8" "motion >= 1"
"""

from collections import Counter
from collections.abc import Sequence

from pipeline.commands.front import make_parser, print_table, run_command
from pipeline.dataset import Dataset
from pipeline.history import History
from pipeline.score import measure_names
from pipeline.select import CLIP_COLUMNS, WORD_COLUMNS, shape_of
from pipeline.stage import Row
from schemas.bucket import assign
from schemas.config import RunConfig
from schemas.rules import Rule


def main() -> None:
    """Entry point."""
    parser = make_parser("what-if", "Show what selection rules would keep of the clips that were scored.")
    parser.add_argument("dataset", help="dataset folder")
    parser.add_argument("rules", nargs="+", metavar="RULE", help='for example "aesthetic >= 4.8"')
    parsed = parser.parse_args()
    history = History(Dataset(parsed.dataset))
    rules = [Rule.parse(text) for text in parsed.rules]
    columns = [*CLIP_COLUMNS, *measure_names(history.config.score)]
    for rule in rules:
        rule.check_column(columns, WORD_COLUMNS)
    clips = [
        clip for clip in history.clips if history.selection[clip["clip_id"]]["state"] not in ("duplicate", "failed")
    ]
    configured = [Rule.parse(text) for text in history.config.select.rules]
    rows = [_outcome("no rule", clips, [], history.config)]
    rows += [_outcome(rule.text, clips, [rule], history.config) for rule in rules]
    if len(rules) > 1:
        rows.append(_outcome("all of these", clips, rules, history.config))
    rows.append(_outcome(f"the run's own {len(configured)} rules", clips, configured, history.config))
    rows.append(_outcome("the run's own and these", clips, [*configured, *rules], history.config))
    print_table(f"{len(clips)} clips", ("rules", "kept", "share", "minutes", "bucketed", "per bucket"), rows)
    spread = [_spread(name, clips) for name in dict.fromkeys(rule.column for rule in rules)]
    headings = ("column", "clips", "least", "10 %", "50 %", "90 %", "most")
    print_table("Values", headings, [row for row in spread if row])


def _outcome(title: str, clips: Sequence[Row], rules: Sequence[Rule], config: RunConfig) -> tuple[object, ...]:
    kept = [clip for clip in clips if all(rule.passes(clip.get(rule.column)) for rule in rules)]
    found = [assign(shape_of(clip), config.buckets(), config.pack.allow_upscale) for clip in kept]
    buckets = Counter(str(one.bucket) for one in found if not isinstance(one, str))
    share = f"{len(kept) / len(clips):.0%}" if clips else ""
    minutes = f"{sum(clip['duration'] for clip in kept) / 60:.1f}"
    listed = ", ".join(f"{bucket} {count}" for bucket, count in sorted(buckets.items()))
    return title, len(kept), share, minutes, sum(buckets.values()), listed


def _spread(column: str, clips: Sequence[Row]) -> tuple[object, ...] | None:
    values = sorted(clip[column] for clip in clips if isinstance(clip.get(column), int | float))
    if not values:
        return None
    places = (0.0, 0.1, 0.5, 0.9, 1.0)
    return column, len(values), *(f"{values[round(place * (len(values) - 1))]:.4g}" for place in places)


if __name__ == "__main__":
    run_command(main)

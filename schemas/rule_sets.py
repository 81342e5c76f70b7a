"""Named rule sets: the selection criteria of published systems in this project's columns, with the source of each rule.

    select:
      rules: ["open_sora", "text_area <= 0.01"]

A threshold is copied only where the measure is the same: LAION's aesthetic score, seconds, pixels, frames per second.
Where a system has another measure (VMAF motion, UniMatch flow, a text classifier) its threshold would be meaningless
here, so the rule is a percentile, from the published share of survivors if there is one, or a number that is marked as
ours. Criteria without a counterpart are in `unmapped`. The aesthetic thresholds are for `aesthetic_laion`; the embedded
profile's head has a narrower scale (about 3 to 6), where they drop another share: check with `just what-if` first.

    python -m schemas.rule_sets          # print every set, its sources, and what it leaves out
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.errors import RuleError
from schemas.nearest import did_you_mean
from schemas.rules import FORMS, AnyRule, parse_rule


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Rules under one name: `rules` maps each to its origin; `unmapped` are criteria of the source without a rule."""

    name: str
    source: str
    rules: Mapping[str, str]
    unmapped: tuple[str, ...] = ()


_COGVIDEOX = RuleSet(
    name="cogvideox",
    source="CogVideoX, arXiv 2408.06072, video data filtering (section 3) and its classifiers (table 14)",
    rules={
        "aesthetic >= 4.5": "the lowest cut-off that it names, on LAION's scale",
        "text_area <= 0.1": "its classifier `text dominated`; the number is ours",
        "motion in top 90%": "it scores optical flow and moves an undisclosed cut-off; the share is ours",
        "frozen <= 0.5": "its classifier `no motion connectivity`, as far as it means stills; the number is ours",
    },
    unmapped=("classifiers for editing, lectures, low quality, noisy screenshots and image-to-image transitions",),
)

_OPEN_SORA = RuleSet(
    name="open_sora",
    source="Open-Sora 2.0, arXiv 2503.09642, data filtering; hpcaitech/Open-Sora v1.2, tools/scoring/README.md",
    rules={
        "duration >= 2": "2.0: shorter ones are dropped",
        "fps >= 16": "2.0: slower ones are dropped",
        "aesthetic >= 5": "v1.2: the example's cut-off, on LAION's scale",
        "motion in middle 90%": "2.0: cuts both tails of VMAF motion; the shares are ours",
        "sharpness in top 95%": "2.0: cuts blurred clips by the Laplacian's variance; the share is ours",
        "text_area <= 0.05": "2.0: text boxes by PaddleOCR; the number is ours",
        "bits_per_pixel >= 0.02": "2.0: the cut-off that it names",
        "jitter in bottom 95%": "2.0: drops shaking cameras by a cut-off it does not disclose; the share is ours",
    },
    unmapped=("aspect ratio within 1/3 to 3 (the bucket rule crops instead)", "CLIP match of caption and image"),
)

_MOVIE_GEN = RuleSet(
    name="movie_gen",
    source="Movie Gen, arXiv 2410.13720, pre-training data (section 3.2) and the survivors of its filters (appendix)",
    rules={
        "width >= 768": "its first filter",
        "height >= 768": "its first filter",
        "duration >= 4": "its clips last 4 to 16 s",
        "text_area <= 0.05": "it asks for a text score below 0.6 of a model of its own; the number is ours",
        "aesthetic >= 4": "its cut-off, on LAION's scale (one middle frame there, the mean of the stills here)",
        "motion in top 84%": "VMAF motion above 2 let 1.32 of 1.57 parts pass: that share",
    },
    unmapped=("60 % landscape, 40 % portrait", "borders", "resampling by concept clusters"),
)

_PERMISSIVE = RuleSet(
    name="permissive",
    source="this project: only what no trainer can use",
    rules={
        "brightness >= 0.03": "black frames",
        "contrast >= 0.02": "plain surfaces: a standard deviation of 5 grey levels of 255",
        "frozen <= 0.95": "stills sold as video",
        "text_area <= 0.25": "slides, credits and screen recordings",
    },
)

RULE_SETS: Mapping[str, RuleSet] = {
    rule_set.name: rule_set for rule_set in (_COGVIDEOX, _OPEN_SORA, _MOVIE_GEN, _PERMISSIVE)
}


def open_rules(text: str) -> tuple[AnyRule, ...]:
    """The rules of one entry of `select.rules`: those of the set that it names, or the single rule that it is.

    Raises `RuleError` that names the nearest set or shows how a rule is written.
    """
    name = text.strip()
    if name in RULE_SETS:
        return tuple(parse_rule(rule, name) for rule in RULE_SETS[name].rules)
    if name.replace("-", "_").isidentifier():
        raise RuleError(f"{name!r} is no rule set; {did_you_mean(name, RULE_SETS)}; for a single rule {FORMS}")
    return (parse_rule(text),)


def main() -> None:
    """Print every set."""
    for rule_set in RULE_SETS.values():
        print(f"{rule_set.name}: {rule_set.source}")
        for rule, origin in rule_set.rules.items():
            print(f"  {rule:24} {origin}")
        for lacking in rule_set.unmapped:
            print(f"  {'not mapped:':24} {lacking}")


if __name__ == "__main__":
    main()

"""What of a report needs a person, in one sentence and a few lines: gates that fail, samples that look wrong, strays.

print(verdict(report).sentence)       # Look at this: 1 of 8 gates fails, 3 of 65 samples look wrong.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from captioning.quality.records import Report
from captioning.report.markup import count_of, shown_name, tag
from captioning.report.strays import find_strays

WRONG = 0.5
"""A sample at or above this suspicion looks wrong; below, what was found is small or may be by chance."""
_MOST_KINDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What needs a person. `checks` counts the samples on which each check found something, the most frequent first."""

    gates: tuple[str, ...]
    wrong: int
    samples: int
    groups: int
    checks: Mapping[str, int]

    @property
    def is_well(self) -> bool:
        """Whether nothing needs a person."""
        return not (self.gates or self.wrong or self.groups)

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        if not self.samples:
            return "There is no caption to judge."
        if self.is_well:
            return "Nothing here needs a person: every gate holds, no sample looks wrong, and no group strays."
        parts = []
        if self.gates:
            parts.append(f"{count_of(len(self.gates), 'gate')} {'fails' if len(self.gates) == 1 else 'fail'}")
        if self.wrong:
            parts.append(f"{self.wrong:,} of {self.samples:,} samples {'looks' if self.wrong == 1 else 'look'} wrong")
        if self.groups:
            parts.append(f"{count_of(self.groups, 'group')} {'strays' if self.groups == 1 else 'stray'}")
        return f"Look at this: {', '.join(parts)}."


def verdict(report: Report) -> Verdict:
    """Judge a report by its own gates, findings and intervals."""
    counts = Counter(finding.check for view in report.samples for finding in view.findings)
    return Verdict(
        gates=tuple(gate.rule for gate in report.gates if not gate.passed),
        wrong=sum(view.suspicion >= WRONG for view in report.samples),
        samples=len(report.samples),
        groups=len({stray.group for stray in find_strays(report)}),
        checks=dict(counts.most_common()),
    )


def verdict_markup(report: Report) -> str:
    """The top of the page: the sentence, the gates that fail with their values, and what was found how often."""
    judged = verdict(report)
    failing = [gate for gate in report.gates if not gate.passed]
    lines = [tag("li", tag("code", escape(gate.rule)) + f" fails: {_value(gate.value)}") for gate in failing]
    if judged.checks:
        kinds = list(judged.checks.items())
        listed = ", ".join(f"{escape(shown_name(name))} ({count:,})" for name, count in kinds[:_MOST_KINDS])
        rest = f" and {count_of(len(kinds) - _MOST_KINDS, 'more check')}" if len(kinds) > _MOST_KINDS else ""
        lines.append(tag("li", f"Found on samples, by check: {listed}{rest}"))
    sentence = tag("p", escape(judged.sentence), class_="sentence")
    state = "well" if judged.is_well else "look"
    inner = sentence + (tag("ul", "".join(lines)) if lines else "")
    return tag("section", inner, id="verdict", class_=f"verdict {state}", aria_label="Verdict")


def _value(value: float | None) -> str:
    return "it was not measured" if value is None else f"the value is {value:.4g}"

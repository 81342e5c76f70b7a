"""What the README shows of a run of the demo, as numbers that a run can be held against.

from tests.end_to_end.readme import shown_funnel
"""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
_ROW = re.compile(r"^ +(videos|clips|samples|spans)((?: +\d+)+)$", re.MULTILINE)
_SHARDS = re.compile(r"^ +(\d+x\d+x\d+@\d+) +(train|val) +(\d+) +(\d+) +(\d+) +[\d.]+$", re.MULTILINE)


def shown_funnel() -> dict[str, list[int]]:
    """Per kind, as the README prints it: how many came in, then how many ended in each state."""
    text = README.read_text()
    begin = text.index("    Funnel\n")
    block = text[begin : text.index("...", begin)]
    return {kind: [int(number) for number in numbers.split()] for kind, numbers in _ROW.findall(block)}


def shown_states() -> list[str]:
    """The headings of that table."""
    lines = README.read_text().split("    Funnel\n")[1].splitlines()
    return lines[0].split()


def shown_verification() -> str:
    """The last line that the README shows of the run."""
    (line,) = re.findall(r"^ +(verified: .*)$", README.read_text(), re.MULTILINE)
    return str(line)


def shown_shards() -> dict[tuple[str, str], list[int]]:
    """Samples, sources and shards per bucket and split, of the rows that the README shows."""
    counts = _SHARDS.findall(README.read_text())
    return {(bucket, split): [int(number) for number in numbers] for bucket, split, *numbers in counts}


def shown_caption() -> tuple[str, int, str]:
    """Sample id, tokens and text of the caption that the README shows."""
    (caption,) = re.findall(r"^ +(\S+)  \(.*?, (\d+) tokens by .*\n +(\S.*)$", README.read_text(), re.MULTILINE)
    return str(caption[0]), int(caption[1]), str(caption[2])

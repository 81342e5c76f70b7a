"""docs/benchmarks.md: one section per benchmark, replaced by each recorded run, with date, commit and command.

So that numbers can be reproduced, every section names the commit, whether there were uncommitted changes, the command
and the machine.

    record("split", "Shots", [markdown_table(headings, rows)], "just bench split --record")
"""

import datetime
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

Table = tuple[str, Sequence[str], list[Sequence[object]]]
"""A benchmark's result: title, headings, rows."""
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
_TITLE = (
    "# Benchmarks\n\nEach section is written by its command with `--record`. Times are CPU seconds or medians of\n"
    "interleaved runs, quoted as ratios, because machines differ and shared ones are noisy.\n"
)


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown; bars in cells are escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def record(name: str, title: str, parts: Sequence[str], command: str, page: Path = PAGE) -> None:
    """Write the section `name` of the page: its title, provenance and parts."""
    origin = f"{datetime.date.today():%Y-%m-%d}, commit {_commit()}, {_machine()}: `{command}`"
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    section = "\n\n".join([start, f"## {title}", origin, *parts, end])
    text = page.read_text() if page.exists() else _TITLE
    old = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    text = old.sub(lambda _: section, text) if old.search(text) else f"{text.rstrip()}\n\n{section}\n"
    page.parent.mkdir(exist_ok=True)
    page.write_text(text)
    print(f"recorded in {page}", file=sys.stderr)


def _commit() -> str:
    def git(*arguments: str) -> str:
        result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
        return result.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/benchmarks.md")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


def _machine() -> str:
    model = ""
    if Path("/proc/cpuinfo").exists():
        match = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        model = f" ({match.group(1).strip()})" if match else ""
    return f"{os.cpu_count()} cores of {platform.machine()}{model}"

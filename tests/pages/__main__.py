"""`just pages`: writes the pages that are made from code. `--check` writes nothing and says which are out of date.

just pages
"""

import argparse
import sys
from collections.abc import Callable

from tests.pages import architecture, errors
from tests.pages.rooms import ROOT

PAGES: dict[str, Callable[[], str]] = {
    architecture.FILE: architecture.draw,
    errors.FILE: errors.write,
}


def main() -> int:
    """Entry point; exit code 1 if `--check` finds a page that its code would write otherwise."""
    parser = argparse.ArgumentParser(prog="just pages", description="Write the pages that are made from code.")
    parser.add_argument("--check", action="store_true", help="only say which are out of date")
    check = parser.parse_args().check
    old = [name for name, make in PAGES.items() if not _is_current(name, make())]
    for name in old:
        print(f"{name} is out of date; `just pages` writes it" if check else f"written: {name}")
        if not check:
            (ROOT / name).write_text(PAGES[name]())
    return int(check and bool(old))


def _is_current(name: str, text: str) -> bool:
    path = ROOT / name
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())

"""Every check by name. A new check is a file in `checks` (or a line in one of them) and a line here.

python -m captioning.quality.registry          # print them all
"""

from collections.abc import Mapping

from captioning.quality.check import Check
from captioning.quality.checks import (
    alignment,
    contradictions,
    events,
    form,
    images,
    measured,
    openings,
    pairing,
    repeated,
    sizes,
    support,
    truncated,
    variety,
)

_FAMILIES = (
    form, truncated, openings, repeated, variety, sizes,
    support, events, contradictions, measured,
    pairing, images, alignment,
)  # fmt: skip
CHECKS: Mapping[str, Check] = {check.name: check for family in _FAMILIES for check in family.CHECKS}


def main() -> None:
    """Print every check with its tier, weight and description."""
    for check in CHECKS.values():
        print(f"tier {check.tier}  {check.name:18} weight {check.weight:<5g} {check.doc}")


if __name__ == "__main__":
    main()

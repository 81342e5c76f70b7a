"""`just bench captions [parts]`: cost and throughput of captioning models, part by part, with the alternatives.

    just bench captions                       all parts
    just bench captions endpoint --turns 1    one part, once
    just bench captions --record              keeps the tables in docs/benchmarks.md, a section for each part

A part is a function from the number of rounds to tables, and a line in `PARTS`.
"""

from collections.abc import Callable

from pipeline.benchmarks.captions_engine import measure_overhead, measure_speed
from pipeline.benchmarks.endpoint import measure_endpoint
from pipeline.benchmarks.record import Table, markdown_table, record
from schemas.command import make_parser
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from schemas.terminal import print_table

PARTS: dict[str, Callable[[int], list[Table]]] = {
    "endpoint": measure_endpoint,
    "overhead": measure_overhead,
    "speed": measure_speed,
}
"""The parts by name; each is called with the number of rounds and returns (title, headings, rows) tables."""


def main() -> None:
    """Entry point."""
    parser = make_parser("bench captions", __doc__ or "")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--turns", type=int, default=3, help="runs of each side, in turns (default: 3)")
    parser.add_argument("--record", action="store_true", help="keep the tables in docs/benchmarks.md")
    arguments = parser.parse_args()
    for name in arguments.parts:
        if name not in PARTS:
            raise ConfigError(f"no part {name!r}; {did_you_mean(name, PARTS)}")
    if arguments.turns < 1:
        raise ConfigError(f"--turns {arguments.turns}: at least 1")
    for name in arguments.parts or PARTS:
        tables = PARTS[name](arguments.turns)
        for table in tables:
            print_table(*table)
        if arguments.record:  # per part, so that one can be measured again without the others
            sections = [
                text for title, headings, rows in tables for text in (f"{title}:", markdown_table(headings, rows))
            ]
            command = f"just bench captions {name} --turns {arguments.turns} --record"
            record(f"captions {name}", f"Captions: {name}", sections, command)

"""Contract of the table of slices whose part files are being gathered into one file; it is empty between runs.

SLICES.table(rows)      # a checked pyarrow table
"""

import pyarrow as pa

from schemas.contract import STATUS_COLUMNS, Column, TableContract

SLICES = TableContract(
    name="slices",
    key="slice",
    doc="one row per slice of a stage's tables whose part files became one file",
    columns=(
        Column(name="slice", type=pa.string(), doc="the stage and the name of the slice"),
        Column(name="file", type=pa.string(), doc="name of the file, without its suffix"),
        Column(name="rows", type=pa.int64(), doc="input rows of the stage that it holds"),
        Column(name="parts", type=pa.int64(), doc="part files that went into it"),
        *STATUS_COLUMNS,
    ),
)

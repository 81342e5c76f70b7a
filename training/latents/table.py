"""The cache's index: one row per sample and shape, with the location of its entry or the reason why there is none.

table = LATENTS.check(pq.read_table("index.parquet"))
"""

import pyarrow as pa

from schemas.contract import STATUS_COLUMNS, Column, TableContract

LATENTS = TableContract(
    name="latents",
    key="key",
    doc="the latent cache's index: one row per sample and shape that a stage trains",
    columns=(
        Column(name="key", type=pa.string(), doc="hash of the sample's bytes, shape, encoders and precision"),
        Column(name="sample_id", type=pa.string(), doc="id of the sample"),
        Column(name="clip_id", type=pa.string(), doc="id of its clip"),
        Column(name="split", type=pa.string(), doc="`train` or `val`"),
        Column(name="shape", type=pa.string(), doc="`WIDTHxHEIGHTxFRAMES@FPS` in pixels, as the stage shows it"),
        Column(name="shard", type=pa.string(), doc="path of the tar below `shards/`"),
        Column(name="offset", type=pa.int64(), doc="byte in the tar where the entry's header stands"),
        Column(name="size", type=pa.int64(), doc="bytes in the tar from `offset` to the end of the entry's last block"),
        Column(name="checksum", type=pa.string(), doc="SHA-256 of those bytes"),
        *STATUS_COLUMNS,
    ),
)

"""Where the whole tables of a dataset lie, below its folder; all other tables are part files (docs/datasets.md).

dataset.read_table(INDEX, SAMPLES)
"""

INDEX = "shards/index.parquet"
"""The shard index: one row per packed sample, written last."""
LEDGER_FILE = "ledger.parquet"
"""In which state every video, clip and sample ended, and every lost span."""
SELECTION_FILE = "selection/selection.parquet"
"""What the rules decided of every clip."""
DUPLICATES_FILE = "duplicates/duplicates.parquet"
"""Clips that are copies of others."""
SPANS_FILE = "sample_spans/sample_spans.parquet"
"""The samples of kept clips, planned before captioning."""
VIDEO_DUPLICATES_FILE = "duplicates/videos.parquet"
"""Sources whose content is that of another."""

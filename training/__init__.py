"""Training on the shards that curation writes. Reads shards by their index; knows nothing of the pipeline.

No trainer stands here yet: the contract that it will read is `schemas.outcome_tables.SAMPLES` and `schemas.bucket`.
"""

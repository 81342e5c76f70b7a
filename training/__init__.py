"""Training on the shards that curation writes. Reads shards by their index; knows nothing of the pipeline.

just train demo
"""

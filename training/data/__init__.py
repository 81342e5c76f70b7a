"""From a dataset's shards to packs: index, plan, dealing to ranks, reading, decoding, loading.

python -m pytest tests/training/data
"""

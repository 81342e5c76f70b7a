"""The engine and the stages: ingest, split, score, select, caption, summarise, pack, verify.

The only package that imports Ray, and within it only `engine` and `benchmarks` do. `media` and `storage` are leaves
that the other packages may import too.

    just curate demo
"""

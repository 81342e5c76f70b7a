"""The checks, one family per file; `captioning.quality.registry` lists them.

python -m captioning.quality.registry
"""

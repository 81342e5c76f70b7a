"""The checks, one family a file; `captioning.quality.registry` lists them.

python -m captioning.quality.registry
"""

"""Makes videos from a model: samplers, guidance, and the files that show what came out (`just sample`).

python -m pytest tests/training/sampling
"""

"""CogVideoX's expert transformer (2408.06072), packed: many clips and pictures of different shape in one sequence.

python -m pytest tests/training/models/cogvideox
"""

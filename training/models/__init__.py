"""The models that the trainer trains, one folder each.

python -m pytest tests/training/models
"""

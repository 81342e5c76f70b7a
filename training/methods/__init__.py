"""What is learnt: a method turns a pack into one loss per sample. The loop knows nothing else of it.

python -m pytest tests/training/methods
"""

"""One video learnt and then edited by prompts (`just tune`): frames, run, DDIM inversion, edits, metrics, files.

python -m pytest tests/training/editing
"""

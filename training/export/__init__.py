"""Weights in and out: diffusers' folders, SAT checkpoints, LoRA files (`just export`).

python -m pytest tests/training/export
"""

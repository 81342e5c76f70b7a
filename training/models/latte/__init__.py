"""Latte (2401.03048): attention within frames and across them, its four variants, its start from PixArt-alpha.

python -m pytest tests/training/models/latte
"""

"""Video codecs and text encoders behind two small protocols (`base`); `registry` opens them by name.

python -m pytest tests/training/encoders
"""

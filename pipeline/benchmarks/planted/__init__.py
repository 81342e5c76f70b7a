"""Synthetic captions with planted faults: the test set of the caption checks.

just bench quality
"""

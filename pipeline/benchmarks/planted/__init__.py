"""Made captions with planted faults: what the caption measures are measured on.

just bench quality
"""

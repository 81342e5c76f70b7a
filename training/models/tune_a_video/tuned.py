"""Which weights a video teaches: where attention looks, and all of attention over time (2212.11565, section 3.2).

74.35 million weights, 8.2 % of the inflated Stable Diffusion 1.4.
"""

TUNED = ("*.attn1.to_q.*", "*.attn2.to_q.*", "*.attn_temp.*")
"""Globs over parameter names, for a stage's `trains`."""

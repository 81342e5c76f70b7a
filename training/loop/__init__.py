"""The loop: opens what a run needs, trains stage after stage, validates, guards and reports. Knows no diffusion.

just train demo
"""

"""Benchmarks of the trainer's parts against alternatives: functions that measure, run by `just bench train`.

from training.benchmarks.step import HEADINGS, run
rows = run()
"""

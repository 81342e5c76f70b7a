"""Benchmarks: accuracy and speed compared with the alternatives in one run, recorded in docs/benchmarks.md.

just bench
"""

"""Benchmarks: accuracy and speed, side by side with the alternative in one run, recorded in docs/benchmarks.md."""

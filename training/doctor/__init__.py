"""Checks before the first step: data, encoders, model, memory and disk; each error names the fix.

just doctor <dataset> --recipe demo
"""

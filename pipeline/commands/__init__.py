"""The commands behind the recipes of the justfile, one file each.

Data go to stdout, progress and messages to stderr. Exit codes: 0 done, 1 verification found something, 2 an error.

    just --list
"""

"""What may be typed behind each command: one module per command, with `parser()` and `parse(arguments)`.

They import nothing heavy, so help, completion and the refusal of a typo come before the libraries of the work do.

    just curate --help
"""

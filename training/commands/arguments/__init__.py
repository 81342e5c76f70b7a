"""What may be typed behind each command of training: one module per command, with `parser()` and `parse(arguments)`.

They import nothing heavy, so help, completion and the refusal of a typo come before torch does.

    just train --help
"""

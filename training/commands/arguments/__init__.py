"""The command line arguments of the training commands: one module per command, with `parser()` and `parse(arguments)`.

They import nothing heavy, so help, completion and errors in arguments do not wait for torch.

    just train --help
"""

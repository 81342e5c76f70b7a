"""The commands `just train`, `just doctor`, `just encode`, `just sample`, `just tune` and `just export`.

just train --help
"""

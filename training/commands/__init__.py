"""What `just train`, `just doctor`, `just encode`, `just sample` and `just export` run.

just train --help
"""

"""The nouns of cutroom: table contracts, ids, buckets, the run configuration, and errors.

Everything else imports from here; this package imports nothing of ours. A table that is read or written anywhere
passes through its contract, so a missing, extra or mistyped column stops at the place that made it.

    python -m schemas          # print every table, its columns, units and ranges
"""

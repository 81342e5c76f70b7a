"""The shared definitions: table contracts, ids, buckets, the run configuration, and errors.

Every other package imports from here; this one imports none of them. Every table that is read or written is checked
against its contract, so a missing, extra or mistyped column is reported where it was made.

    just schemas          # print every table, its columns, units and ranges
"""

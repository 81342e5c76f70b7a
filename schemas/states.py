"""The kinds and states of the ledger's rows; a module without imports, so that parsers can use them cheaply.

just ledger <dataset> --state failed
"""

KINDS = ("video", "clip", "sample", "span")
STATES = ("shipped", "filtered", "duplicate", "unbucketed", "empty", "failed", "vanished")

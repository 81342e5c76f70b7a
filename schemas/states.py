"""In which states the ledger's rows end, and of which kinds they are; imports nothing, so that a parser may name them.

just ledger <dataset> --state failed
"""

KINDS = ("video", "clip", "sample", "span")
STATES = ("shipped", "filtered", "duplicate", "unbucketed", "empty", "failed", "vanished")

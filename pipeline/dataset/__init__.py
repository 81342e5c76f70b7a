"""The dataset folder that a run writes: part files, plans, references into them, the ledger, and verification.

folder      reads and writes the tables; plan: which rows go into which part file
references  stills and vectors by part file and key
ledger      the final state of every object; seconds: the duration behind each row
verify      re-opens the shards and checks them against the index
belonging   which bucket a dataset was made from
"""

"""The folder that a run writes: part files, plans, references into them, the ledger, and its verification.

folder      reads and writes the tables; plan: which rows go into which part file
references  stills and vectors by part file and key
ledger      where every object ended; seconds: how much footage stands behind each row
verify      re-opens the shards and checks all they promise
belonging   which bucket a dataset is of
"""

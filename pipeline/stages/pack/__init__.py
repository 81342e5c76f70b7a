"""pack: writes shards by copying encoded samples, and only those that are new or changed.

just curate <bucket>
"""

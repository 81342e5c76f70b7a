"""pack: decodes the samples, encodes them to their buckets' shapes and writes shards.

just curate <bucket>
"""

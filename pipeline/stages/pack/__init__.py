"""pack: decodes what ships, encodes it to its bucket and writes shards.

just curate <bucket>
"""

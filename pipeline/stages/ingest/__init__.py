"""ingest: lists the bucket and probes every object.

just curate <bucket>
"""

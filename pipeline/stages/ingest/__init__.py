"""ingest: lists the bucket and looks at every object.

just curate <bucket>
"""

"""encode: decodes the samples that have a caption and encodes them to their buckets' shapes, once.

just curate <bucket>
"""

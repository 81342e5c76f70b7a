"""select: rules, buckets and near-duplicates decide which clips are kept, and which spans become samples.

just what-if <dataset> "aesthetic >= 4.8"
"""

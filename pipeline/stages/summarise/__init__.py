"""summarise: makes one dense, time-ordered caption of a sample's frame captions.

just curate <bucket> --set summarise.summariser=join
"""

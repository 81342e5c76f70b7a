"""split: one pass over a video finds its shots, measures them and keeps stills.

just curate <bucket> --set split.detector=transnet
"""

"""The stages in the order of the run: ingest, split, score, select, caption, summarise, pack. One room for each.

`stage.py` of a room holds its class; what a stage is stands in `pipeline/stage.py`.
"""

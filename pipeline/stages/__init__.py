"""The stages in the order of the run: ingest, split, score, select, caption, summarise, encode, pack.

Each has a room, whose `stage.py` holds its class; what a stage is stands in `pipeline/stage.py`.
"""

"""The folder of a run and what lies in it: checkpoints, and whether weights fit a model.

just train <dataset>          # goes on from the last sound checkpoint
"""

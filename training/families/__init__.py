"""Kinds of models: what the shared loop, the doctor, sampling and export ask of each. One file per kind.

just train <dataset> --recipe demo
"""

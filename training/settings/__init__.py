"""What each family of models can be told beside its preset: a section of its own below `model`.

just train <dataset> --set model.family=latte --set model.latte.variant=2
"""

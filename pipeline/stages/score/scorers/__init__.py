"""What is measured on stills: embedders, scorers that read vectors or pictures, and labellers.

python -m pipeline.stages.score.scorers.registry                          # print them all with their measures
"""

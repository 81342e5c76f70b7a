"""What is wanted of a model: a caption of a still, an overview of a clip, one dense caption of many. Pure functions.

python -m pytest tests/captioning/tasks
"""

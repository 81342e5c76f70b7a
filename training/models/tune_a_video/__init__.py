"""Tune-A-Video: an image model of diffusers made to see a clip, so that one video and its caption can be learnt.

python -m pytest tests/training/models/tune_a_video
"""

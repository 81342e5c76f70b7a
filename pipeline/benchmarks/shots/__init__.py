"""The shot-accuracy suite: videos with ground truth, made from real clips, and the evaluation of detectors on them.

footage   real clips with a single shot each, in two halves that share no file
plan      the shots, transitions and difficulties of a video: pure functions of a seed
draw      the images of a planned video, and its file
judge     precision, recall, boundary errors, purity, coverage, and their intervals
"""

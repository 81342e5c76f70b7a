"""The shot-accuracy suite: films with known truth, made from real clips, and the judge of what a detector finds.

footage   real clips that hold one shot each, in two halves that share no file
plan      which shots, transitions and troubles a film has: pure, seeded
draw      the pictures of a planned film, and its file
judge     precision, recall, boundary errors, purity, coverage, and their intervals
"""

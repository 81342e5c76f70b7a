"""The folder of a run, its checkpoints, and reading and checking of weights.

checkpoints = Checkpoints(folder, world, keep=2, asynchronous=True)
checkpoints.save(state, tensors)
"""

"""From a dataset's shards to packs: index, plan, distribution to ranks, reading, decoding, loading.

plan = StepPlan(selection, stage, seed=0)
packs = distribute(plan.packs(step), world, width, step)[rank]
for pack in Loader(PixelReader(uri, captions), config.data).load(packs):
    ...
"""

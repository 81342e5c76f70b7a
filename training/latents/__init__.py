"""The latent cache: what VAE and text encoder make of a dataset, in shards beside an index, written once and checked.

just encode <dataset> --recipe demo --out datasets/demo-latents
"""

"""The latent cache: a dataset's latents and text embeddings in shards with an index, written once and verified.

just encode <dataset> --recipe demo --out datasets/demo-latents
"""

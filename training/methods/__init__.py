"""Training objectives: a method turns a pack into one loss per sample. The loop depends on nothing else of it.

method = DiffusionMethod(model, family, codec, text_encoder)
losses = method.losses(batch, keys)
"""

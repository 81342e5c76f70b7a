"""Latte (2401.03048): spatial and temporal attention, its four variants, initialisation from PixArt-alpha.

model = Latte(PRESETS["debug"])
predictions = model([Segment(latents, text, timestep=500), ...])      # one [T, out_channels, H, W] per segment
"""

"""Tune-A-Video (2212.11565): a diffusers image UNet inflated to clips, to learn one video and its caption.

model = TuneAVideo(PRESETS["debug"])
predictions = model([Segment(latents, text, timestep=500), ...])      # one [T, out_channels, H, W] per segment
"""

"""CogVideoX's expert transformer (2408.06072), packed: clips and images of different shapes share one sequence.

model = CogVideoX(PRESETS["2b"])
predictions = model([Segment(latents, text, timestep=500), ...])      # one [T, out_channels, H, W] per segment
"""

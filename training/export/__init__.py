"""Import and export of weights: diffusers' folders, SAT checkpoints, LoRA files, runs and tuned weights.

source = open_any("runs/demo-demo")
export_folder(Path("exported/demo"), source.family, source.state, source.record)
"""

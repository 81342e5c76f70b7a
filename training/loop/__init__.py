"""The training loop: opens a run, trains stage after stage, validates, guards and reports. Knows no diffusion.

prepared = prepare(config, "datasets/demo", Path("runs/demo"), world)
prepared.run.resume()
prepared.run.train(show, after_stage)
"""

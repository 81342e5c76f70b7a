"""Samples videos from a model: samplers, guidance, and the files that are written (`just sample`).

loaded = open_model(open_source("exported/demo"), "cpu")
clips = make_clips(loaded, SamplingRequest(prompts=["waves"], shape=shape, settings=SamplingConfig(), seed=0))
"""

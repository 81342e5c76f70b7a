"""Tunes a model on one video and edits the video by prompts (`just tune`): frames, run, DDIM inversion, metrics, files.

tuning = prepare_tuning(config, clip, caption, folder, world)
edits = list(tuning.edit(["a bear skis"]))
"""

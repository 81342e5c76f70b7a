"""The tasks of models: caption a still, describe a sample from its stills, merge captions into one. Pure functions.

step = FrameTask().step(request, replies)      # the next ChatRequest, or the CaptionReply
"""

"""Captioning: captioners, summarisers, prompts, grounding, token counts, caption quality. Plain Python, no Ray.

just curate demo          # runs the embedded captioner and summariser over the demo bucket
"""

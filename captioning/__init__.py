"""What is said of a clip: captioners, summarisers, prompts, grounding, token counts. Plain Python, no Ray.

just curate demo          # runs the embedded captioner and summariser over the demo bucket
"""

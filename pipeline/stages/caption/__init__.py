"""caption: says what is seen on the stills of a sample.

just curate <bucket> --set caption.captioner=vllm
"""

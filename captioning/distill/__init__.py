"""Teaches a small model what a large one said: pairs of a teacher's words, LoRA fine-tuning, a folder to caption with.

Plain Python without Ray. It is steps 4 and 5 of CogVideoX's captioning (arXiv 2408.06072, 3.2): a summariser of 50,000
pairs of GPT-4, and an end-to-end captioner of what that summariser then wrote.

    just distill --help
"""

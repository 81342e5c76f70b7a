"""Distils a large captioning model into a small one: pairs from a teacher, LoRA fine-tuning, a folder with the student.

Plain Python without Ray. These are steps 4 and 5 of CogVideoX's captioning (arXiv 2408.06072, 3.2): a summariser
trained on 50,000 pairs of GPT-4, and an end-to-end captioner trained on that summariser's captions.

    just distill --help
"""

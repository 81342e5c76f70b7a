"""The diffusion process: noise levels, v-prediction, which timesteps a step trains. Pure functions.

python -m pytest tests/training/diffusion
"""

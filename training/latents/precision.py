"""Precisions of a latent cache; imports nothing, so that the command line is checked without torch.

just encode <dataset> --precision bfloat16
"""

from typing import Literal

Precision = Literal["float32", "float16", "bfloat16"]

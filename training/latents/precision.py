"""In which precision a cache may hold what it holds; imports nothing, so that a command line is checked without torch.

just encode <dataset> --precision bfloat16
"""

from typing import Literal

Precision = Literal["float32", "float16", "bfloat16"]

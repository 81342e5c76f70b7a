"""Choices of an export; imports nothing, so that the command line is checked without torch.

just export runs/demo-demo exported/demo --precision bfloat16 --encoders link
"""

from typing import Literal

Precision = Literal["float32", "bfloat16", "float16"]
Encoders = Literal["copy", "link", "leave"]

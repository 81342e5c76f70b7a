"""Where the detectors' own weights are; imports nothing, so that a configuration is checked without torch."""

from pathlib import Path

HEAD_FILE = Path(__file__).with_name("head.safetensors")

"""Paths of the packaged weights. Imports no torch, so that checking a configuration does not need it."""

from pathlib import Path

HEAD_FILE = Path(__file__).with_name("head.safetensors")

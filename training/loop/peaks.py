"""What devices can do at most, for model FLOPs utilisation (MFU).

python -m pytest tests/training/loop/test_peaks.py
"""

# Dense bfloat16 operations per second, from the makers' data sheets; the first name found in the device's counts.
PEAKS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "B200": 2250e12, "A100": 312e12}


def peak(device: str) -> float | None:
    """A device's peak by its name; None if it is not known."""
    return next((value for name, value in PEAKS.items() if name in device), None)

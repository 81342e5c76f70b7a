"""Peak FLOPS of devices, for model FLOPs utilisation (MFU).

peak("NVIDIA H100 80GB HBM3")      # 989e12
"""

# Dense bfloat16 FLOPS, from the makers' data sheets; the first name contained in the device's name is used.
PEAKS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "B200": 2250e12, "A100": 312e12}


def peak(device: str) -> float | None:
    """A device's peak FLOPS by its name; None if it is unknown."""
    return next((value for name, value in PEAKS.items() if name in device), None)

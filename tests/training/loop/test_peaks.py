"""A device's peak is found by the name that CUDA gives it, the longer name before the shorter."""

from training.loop.peaks import peak


def test_names_as_cuda_gives_them() -> None:
    assert peak("NVIDIA H100 PCIe") == 756e12
    assert peak("NVIDIA H100 80GB HBM3") == 989e12
    assert peak("NVIDIA A100-SXM4-80GB") == 312e12
    assert peak("cpu") is None

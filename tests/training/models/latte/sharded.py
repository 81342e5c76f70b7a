"""One of two processes that share a Latte: the first has pictures only, the second clips only.

Prints for each form the largest error of a gradient, against one process that has both.
"""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from tests.training.models.latte.made import FORMS, latte, mixed
from training.models.latte.model import Latte
from training.models.segment import Segment


def backward(model: Latte, *packs: list[Segment]) -> None:
    """The gradient of the mean over the packs of the sum of their segments' losses."""
    for pack in packs:
        losses = [out.square().mean() for out in model(pack)]
        torch.autograd.backward(torch.stack(losses).sum() / len(packs))


def whole(gradient: Tensor | None) -> Tensor:
    assert isinstance(gradient, DTensor)
    return gradient.full_tensor()


def main() -> None:
    dist.init_process_group("gloo")
    for name, config in FORMS.items():
        segments = list(mixed(config))
        images = [item for item in segments if len(item.latents) == config.patch_frames]
        clips = [item for item in segments if len(item.latents) > config.patch_frames]
        shared, alone = latte(config).double(), latte(config).double()
        shared.checkpoint_blocks = True
        for block in shared.blocks():
            fully_shard(block)
        fully_shard(shared)
        backward(shared, images if dist.get_rank() == 0 else clips)
        backward(alone, images, clips)
        error = 0.0
        for weight, expected in zip(shared.parameters(), alone.parameters(), strict=True):
            assert expected.grad is not None
            error = max(error, float((whole(weight.grad) - expected.grad).abs().max()))
        if dist.get_rank() == 0:
            print(f"{name}\t{error}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()

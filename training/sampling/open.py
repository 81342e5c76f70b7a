"""A source of weights made ready: the network on its device, the noise levels, the codec, the text encoder.

python -m pytest tests/training/sampling/test_open.py
"""

import sys

import torch

from training.encoders.registry import open_codec, open_text
from training.export.source import Source
from training.sampling.make import LoadedModel


def open_model(source: Source, device: torch.device | str, dtype: torch.dtype = torch.float32) -> LoadedModel:
    """Build the network, adapters worked in, and open its encoders; says so if they are not those of training.

    Raises `ConfigError` for encoders that do not fit the model.
    """
    merged = source.merged()
    model = merged.family.module()
    model.load_state_dict(merged.state)
    record = source.record
    codec = open_codec(record.encoders, device)
    text = open_text(record.encoders, record.text_length, device)
    for what, trained, now in (
        ("codec", record.codec_identity, codec.identity),
        ("text encoder", record.text_identity, text.identity),
    ):
        if trained and trained != now:
            print(f"note: the {what} is not the one of training ({now}, trained with {trained})", file=sys.stderr)
    return LoadedModel(
        model=model.to(device, dtype).requires_grad_(False),
        family=merged.family,
        codec=codec,
        text=text,
        checkpoint=source.checkpoint,
        recipe=record.recipe,
        steps=record.step,
    )

"""Opens a source of weights for sampling: the model on its device, the codec, and the text encoder.

loaded = open_model(open_source("exported/demo"), device="cuda")
"""

import sys

import torch

from training.encoders.registry import open_codec, open_text
from training.export.source import Source
from training.sampling.make import LoadedModel


def open_model(source: Source, device: torch.device | str, dtype: torch.dtype = torch.float32) -> LoadedModel:
    """Build the model with merged adapters, and open its encoders; prints a note if they differ from those of training.

    Raises `ConfigError` for encoders that do not fit the model.
    """
    merged = source.merged()
    model = merged.family.module()
    model.load_state_dict(merged.state)
    record = source.record
    codec = open_codec(record.encoders, device)
    text = open_text(record.encoders, record.text_length, device)
    for name, trained, now in (
        ("codec", record.codec_identity, codec.identity),
        ("text encoder", record.text_identity, text.identity),
    ):
        if trained and trained != now:
            print(f"note: the {name} differs from that of training ({now}, trained with {trained})", file=sys.stderr)
    return LoadedModel(
        model=model.to(device, dtype).requires_grad_(False),
        family=merged.family,
        codec=codec,
        text=text,
        checkpoint=source.checkpoint,
        recipe=record.recipe,
        steps=record.step,
    )

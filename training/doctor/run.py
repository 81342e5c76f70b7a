"""Runs all checks in order; an input that is missing or unreadable is a finding too.

findings = run_doctor(config, train, validation, codec, text, family, Resources.here("runs"))
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from schemas.errors import CutroomError
from training.config import TrainConfig
from training.data.index import SampleIndex
from training.data.selection import Selection, resolve_rules, select
from training.doctor.cost import check_disk, check_memory
from training.doctor.data import check_captions, check_index, check_shapes, check_stage
from training.doctor.findings import Finding, error
from training.doctor.networks import check_forward, check_latents, check_widths
from training.doctor.samples import cached_few, check_cached, encode_few
from training.doctor.shards import check_latent_shards, check_shards
from training.encoders.base import TextEncoder, VideoCodec
from training.families.base import Family, geometry_of
from training.latents.read import LatentShards
from training.latents.settings import CacheSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Bytes of memory of a process's device, free bytes on disk, and the number of processes."""

    memory: float
    disk: float
    world: int = 1

    @classmethod
    def here(cls, folder: str | Path, world: int = 1) -> "Resources":
        """This machine's: memory of its first CUDA device or CPU, and the disk of `folder`, which may not exist."""
        existing = Path(folder).absolute()
        while not existing.exists():
            existing = existing.parent
        if torch.cuda.is_available():
            memory = float(torch.cuda.get_device_properties(0).total_memory)
        else:
            memory = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        return cls(memory=memory, disk=float(shutil.disk_usage(existing).free), world=world)


def run_doctor(
    config: TrainConfig,
    train: SampleIndex,
    validation: SampleIndex,
    codec: VideoCodec,
    text: TextEncoder,
    family: Family,
    resources: Resources,
) -> list[Finding]:
    """All findings on a run before its first step; it may start if none is an error."""
    sizes = family.sizes
    findings = [
        *check_index(train, validation),
        *(() if config.data.latents else check_shards((train, validation))),
        *(check_captions(train, text) if sizes.reads_captions else ()),
        *check_widths(codec, text, sizes),
    ]
    shards = max(1, resources.world // config.parallel.replicas)
    findings += check_memory(config, sizes, config.stages, resources.memory, shards)
    if not len(train):
        return findings
    selections: list[Selection] = []
    for stage in config.stages:
        try:
            rules = resolve_rules(stage.rules, train)
            selection = select(train, stage, geometry_of(sizes, codec, text), rules, config.data.source_weights)
        except CutroomError as refused:
            findings.append(error(f"stage {stage.name}", str(refused)))
            continue
        selections.append(selection)
        findings += check_stage(selection, stage, config.seed, resources.world)
        findings += check_shapes(selection, codec, sizes)
    settings = CacheSettings.of(codec, text, "float32")
    findings += check_disk(config, sizes, selections, settings, resources.disk)
    if any(finding.level == "error" for finding in findings):
        return findings  # encoding and a forward pass would fail for the same reasons
    return findings + list(_check_samples(config, selections, codec, text, family))


def _check_samples(
    config: TrainConfig, selections: Sequence[Selection], codec: VideoCodec, text: TextEncoder, family: Family
) -> Iterator[Finding]:
    """Checks that need pixels or latents of a few samples of the first stage."""
    try:
        if config.data.latents:
            cache = LatentShards(config.data.latents, codec.identity, text.identity)
            if lost := list(check_latent_shards(cache)):
                yield from lost
                return
            for selection, stage in zip(selections, config.stages, strict=True):
                yield from check_cached(selection, stage.name, cache)
            samples = cached_few(selections[0], config, cache)
        else:
            samples, unread = encode_few(selections[0], config, codec, text)
            yield from unread
    except CutroomError as refused:
        yield error("latents", str(refused))
        return
    yield from check_latents(samples, family.sizes.in_channels)
    yield from check_forward(samples, family)

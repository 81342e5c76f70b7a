"""Checks the `pack` section before any work: that clips can fill the buckets, and x264's preset.

check(config)
"""

from schemas.bucket import BUCKET_SETS, TIME_TOLERANCE, Bucket
from schemas.config import RunConfig
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean

X264_PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip


def check(config: RunConfig) -> None:
    """Raise `ConfigError` for a bucket that no clip can fill or an unknown preset."""
    _check_buckets(config)
    if config.pack.preset not in X264_PRESETS:
        raise ConfigError(f"pack.preset = {config.pack.preset!r}; {did_you_mean(config.pack.preset, X264_PRESETS)}")


def _check_buckets(config: RunConfig) -> None:
    """A named bucket must be one that a clip of split.max_seconds fills; of a bucket set, at least one must."""
    longest = config.split.max_seconds
    for name in config.pack.buckets:
        videos = [bucket for bucket in BUCKET_SETS.get(name) or (Bucket.parse(name),) if not bucket.is_image]
        # The rule of `schemas.bucket.assign` for a source of any frame rate.
        seconds = {bucket: (bucket.frames - 1.5) / bucket.fps for bucket in videos}
        if videos and min(seconds.values()) > longest + TIME_TOLERANCE:
            shortest = min(videos, key=lambda bucket: seconds[bucket])
            most = int(longest * shortest.fps + 1.5 - 1) // 8 * 8 + 1
            raise ConfigError(
                f"pack.buckets holds {name!r}, which nothing can fill: {shortest} needs clips of "
                f"{seconds[shortest]:.2f} s, but split.max_seconds = {longest:g}; raise split.max_seconds to at least "
                f"{seconds[shortest]:.2f}, or take at most {most} frames at {shortest.fps:g} fps"
            )

"""Detects truncated files by their contents, never by totals in a header alone.

A header's frame count includes frames that an edit list hides, and its duration may be that of a subtitle. So a video
counts as truncated only if frames listed in its index are missing (MP4), or if the container's outermost element
extends past the end of the file and the video ends before its declared duration (Matroska, AVI).

    refuse_truncated(container, stream, packets, timeline, source, size)
"""

import io
import os
from typing import IO, Any

from av.video.stream import VideoStream

from pipeline.media.timeline import Timeline
from schemas.errors import MediaError

# A recorder that is switched off may lose the last frame; more than this share is damage.
_LOST_SHARE = 0.02
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def refuse_truncated(
    container: Any, stream: VideoStream, packets: int, timeline: Timeline, source: IO[bytes], size: int
) -> None:
    """Raise `MediaError` if the file of `size` bytes ends before the video does. `packets`: how many were read."""
    indexed = len(stream.index_entries) if "mp4" in container.format.name else 0
    if indexed - packets > max(1, _LOST_SHARE * indexed):
        raise MediaError(f"truncated: its index lists {indexed} frames, the file holds {packets}")
    missing = missing_bytes(source, size)
    # FFmpeg estimates the duration of an AVI file from its index, if present; the header's count is what was written.
    counted = stream.frames * timeline.interval if container.format.name == "avi" else 0.0
    length = max(container.duration / 1e6 if container.duration else 0.0, counted)
    # Some containers count their duration from the first frame, some (Matroska) from zero, however late it comes.
    reach = timeline.segments[-1].end - min(0.0, timeline.start)
    if missing and length - reach > max(2 * timeline.interval, _LOST_SHARE * length):
        raise MediaError(
            f"truncated: {missing} bytes are missing at its end; it declares {length:.1f} s and holds {reach:.1f} s"
        )


def missing_bytes(source: IO[bytes], size: int) -> int:
    """By how many bytes the outermost element of a Matroska or AVI file extends past its end; 0 for all others."""
    position = source.tell()
    source.seek(0)
    head = source.read(12)
    if head[:4] == _EBML:
        end = _matroska_end(source)
    elif head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        end = _riff_end(source, size)
    else:
        end = 0
    source.seek(position)
    return max(0, end - size)


def _matroska_end(source: IO[bytes]) -> int:
    """Where the segment ends (RFC 8794, section 4: ids, then sizes of 1 to 8 bytes); 0 for one of unknown size."""
    source.seek(0)
    head = io.BytesIO(source.read(4096))
    head.seek(4)
    length = _vint(head)
    if length is None:
        return 0
    head.seek(length, os.SEEK_CUR)
    if head.read(4) != _SEGMENT:
        return 0
    length = _vint(head)
    return 0 if length is None else head.tell() + length


def _vint(source: IO[bytes]) -> int | None:
    """A variable-size number; None if it says "unknown" or is not there."""
    first = source.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(first + source.read(width - 1), "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else value


def _riff_end(source: IO[bytes], size: int) -> int:
    """Where the last RIFF chunk ends: large AVI files have several (OpenDML)."""
    end = 0
    while end < size:
        source.seek(end)
        head = source.read(8)
        if head[:4] != b"RIFF" or len(head) < 8:
            break
        end += 8 + int.from_bytes(head[4:], "little")
    return end

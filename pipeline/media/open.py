"""The only place where a file of the bucket is handed to FFmpeg, which may open that file and nothing else.

FFmpeg reads playlists, image sequences, sessions and devices by opening what they name, on this machine or elsewhere.
So it gets an open file object without a name, the demuxer must be on an allow-list, and no protocol may be opened
from within. Limits are checked as soon as the header is read; see docs/security.md.

    with open_media("/videos/beach.mp4") as container: ...
"""

import codecs
import contextlib
import re
from collections.abc import Mapping
from typing import IO, Any, cast

import av
import av.logging
from av.container import InputContainer

from pipeline.media.limits import check_claims, check_frame_pixels, current_limits
from pipeline.storage.store import open_source
from schemas.errors import MediaError

# Video containers, elementary streams, and audio (which is refused later, with a better reason). Each demuxer reads one
# file from beginning to end; demuxers that open other files, devices or images are not listed.
_VIDEO = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "flv", "live_flv", "kux", "asf", "ogg", "mxf", "gxf", "lxf", "nut",
    "nsv", "dv", "rm", "wtv", "ivf", "gif", "apng", "yuv4mpegpipe", "dhav", "ty", "pva", "r3d", "cine", "swf",
    "mpjpeg", "jpegxl_anim", "film_cpk", "flic", "roq", "smk", "bink", "thp", "xmv", "usm", "mlv",
)  # fmt: skip
_ELEMENTARY = (
    "mpegvideo", "m4v", "h261", "h263", "h264", "hevc", "vvc", "evc", "obu", "av1", "vc1", "vc1test", "dirac",
    "cavsvideo", "avs2", "avs3", "dnxhd", "mjpeg", "ipmovie",
)  # fmt: skip
_AUDIO = (
    "mp3", "wav", "w64", "flac", "aac", "ac3", "eac3", "aiff", "caf", "amr", "au", "dts", "truehd", "loas", "tta",
    "ape", "wv", "mpc", "spdif",
)  # fmt: skip
DEMUXERS = (*_VIDEO, *_ELEMENTARY, *_AUDIO)

# Formats that refer to other files: by FFmpeg's demuxer name, and by a pattern in the file's head.
_NAMES_OTHERS = ("hls", "dash", "concat", "sdp", "rtsp", "rtp", "sap", "imf", "vobsub", "webm_dash_manifest")
_TEXTS = (
    ("hls", rb"#EXTM3U"),
    ("concat", rb"ffconcat version"),
    ("sdp", rb"v=0\r?\n[a-z]="),
    ("dash", rb"<(\w+:)?MPD\b"),
    ("smooth streaming", rb"<SmoothStreamingMedia\b"),
    ("imf", rb"<(\w+:)?(CompositionPlaylist|AssetMap|PackingList)\b"),
    ("smil", rb"<smil\b"),
    ("asx", rb"(?i)<asx\b"),
    ("xspf", rb"<playlist\b"),
    ("pls", rb"(?i)\[playlist\]"),
    ("reference", rb"(?i)\[(reference|InternetShortcut)\]"),
    ("vobsub", rb"# VobSub index file"),
)
_HEAD_BYTES = 4096
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_BUFFER_BYTES = 1 << 16  # read by each call from FFmpeg into Python


class _Nameless:
    """A file object without a name: FFmpeg would interpret a name as a pattern, a protocol or an extension."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def open_media(uri: str) -> InputContainer:
    """Open a file of the bucket. Raises `MediaError` if it is not a supported format, not readable, or over a limit."""
    return open_stream(open_source(uri))


def open_stream(file: IO[bytes]) -> InputContainer:
    """`open_media` for a seekable file that is already open; it is closed when the container is dropped."""
    nameless = _Nameless(file)
    head = nameless.read(_HEAD_BYTES)
    nameless.seek(0)
    if not head:
        raise MediaError("empty file (0 bytes)")
    if _is_text(head) and (name := _playlist(head)):
        raise MediaError(_names_others(name))
    # Passed to the container, for what FFmpeg decodes while probing, and to each decoder: no frame over the limit is
    # allocated, even if a stream changes its size later.
    most = {"max_pixels": str(current_limits().frame_pixels)}
    try:
        container = _open(nameless, most)
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(_refusal(nameless, head, error)) from None
    try:
        check_claims(container)
        _check_hidden_size(nameless, container, most)
    except MediaError:
        container.close()
        raise
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.options = most
    return container


def _open(file: _Nameless, options: Mapping[str, str]) -> InputContainer:
    allowed = {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "none", **options}
    opened = av.open(cast(Any, file), "r", options=allowed, metadata_errors="ignore", buffer_size=_BUFFER_BYTES)
    return cast(InputContainer, opened)


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # a character may be cut off at the end
    except UnicodeDecodeError:
        return False
    return _CONTROLS.search(head) is None


def _playlist(head: bytes) -> str | None:
    return next((name for name, pattern in _TEXTS if re.search(pattern, head)), None)


def _names_others(name: str) -> str:
    return f"playlist ({name}): names other files, is not opened"


def _refusal(file: _Nameless, head: bytes, error: Exception) -> str:
    if head[4:8] == b"ftyp":
        return "MP4 whose index (moov) is missing or broken: a truncated upload or an unfinished recording"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "Matroska or WebM file that holds no readable stream: truncated or damaged"
    if _is_text(head):
        return "not a video: a text file"
    name = _demuxer_refused(file) if isinstance(error, av.error.ArgumentError) else None
    if name is None:
        text = getattr(error, "strerror", None) or str(error)
        return f"not a media file that FFmpeg can read ({text.lower()})"
    if name in _NAMES_OTHERS:
        return _names_others(name)
    if name == "image2" or name.endswith("_pipe"):
        return f"image format that is not read ({name.removesuffix('_pipe')})"
    return f"format that is not opened ({name}): convert it to MP4 or Matroska"


def _demuxer_refused(file: _Nameless) -> str | None:
    """The name of the demuxer that is not on the allow-list: FFmpeg states it in its log only."""
    return next((name for name, text in _log_of_opening(file, {}) if "not on whitelist" in text), None)


def _check_hidden_size(file: _Nameless, container: InputContainer, most: Mapping[str, str]) -> None:
    """Raise `MediaError` for a stream whose size FFmpeg hides because it exceeds `most["max_pixels"]`."""
    if all(stream.codec_context is None or stream.codec_context.width for stream in container.streams.video):
        return
    for _, text in _log_of_opening(file, most):
        if size := re.search(r"Picture size (\d+)x(\d+) (?:is invalid|exceeds)", text):
            check_frame_pixels(int(size[1]), int(size[2]))


def _log_of_opening(file: _Nameless, options: Mapping[str, str]) -> list[tuple[str, str]]:
    """FFmpeg's log while it opens the file: (component, message) pairs."""
    position, before = file.tell(), av.logging.get_level()
    file.seek(0)
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as logs, contextlib.suppress(av.error.FFmpegError, ValueError):
            _open(file, options).close()
    finally:
        av.logging.set_level(before)
        file.seek(position)  # another container may be reading the file
    return [(name, text) for _, name, text in logs]

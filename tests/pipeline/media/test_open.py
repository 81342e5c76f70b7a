"""Nothing but the file itself is opened: playlists, references and names that mean something to FFmpeg.

Every file that an attack refers to exists and is readable, so that a successful attack is noticed.

    python -m pytest tests/pipeline/media/test_open.py
"""

import io
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from pipeline.media.limits import DEFAULT, set_limits
from pipeline.media.open import DEMUXERS, open_media, open_stream
from schemas.errors import MediaError
from schemas.limits import Limits
from tests.films import flat, make_film, make_sound

PLAYLISTS = {
    "hls": ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfilm.ts\n#EXT-X-ENDLIST\n"),
    "concat": ("a.ffconcat", "ffconcat version 1.0\nfile film.mp4\n"),
    "sdp": ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"),
    "dash": ("a.mpd", '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>\n'),
    "smooth streaming": ("a.ism", '<?xml version="1.0"?><SmoothStreamingMedia MajorVersion="2"/>'),
    "imf": (
        "CPL.xml",
        '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"/>',
    ),
    "vobsub": ("film.idx", "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n"),
    "pls": ("a.pls", "[playlist]\nFile1=film.mp4\nNumberOfEntries=1\n"),
    "asx": ("a.asx", '<asx version="3.0"><entry><ref href="film.mp4"/></entry></asx>'),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("film.mp4", "film.ts", "film.mkv"):
        make_film(tmp_path / name, flat((200, 30, 30), 25))
    return tmp_path


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("suffix", ["", ".mp4"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_playlist_is_refused_by_its_kind_whatever_it_is_called(
    kind: str, suffix: str, mark: str, folder: Path
) -> None:
    name, text = PLAYLISTS[kind]
    (folder / f"{name}{suffix}").write_text(mark + text)
    with pytest.raises(MediaError) as caught:
        open_media(str(folder / f"{name}{suffix}"))
    assert str(caught.value) == f"playlist ({kind}): names other files, is not opened"


@pytest.mark.parametrize("kind", ["hls", "concat", "sdp", "dash", "imf", "vobsub"])
def test_ffmpegs_own_list_holds_where_the_text_is_not_known(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.media.open._TEXTS", ())
    name, text = PLAYLISTS[kind]
    (folder / name).write_text(text)
    with pytest.raises(MediaError, match="not a video: a text file"):
        open_media(str(folder / name))


def test_a_playlist_opens_nothing_when_its_demuxer_is_allowed_by_mistake(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.media.open._TEXTS", ())
    monkeypatch.setattr("pipeline.media.open.DEMUXERS", (*DEMUXERS, "concat"))
    (folder / "a.ffconcat").write_text(PLAYLISTS["concat"][1])
    with pytest.raises(MediaError):
        open_media(str(folder / "a.ffconcat"))


NAMES = (
    "http:film.mp4", "-", "concat:film.mp4|film.ts", "%03d.mp4", "subfile,,start,0,end,9,,:film.mp4", "pipe:0",
    "data:video.mp4", "film#1.mp4", "film?x=1.mp4", "a b\nc.mp4", "lavfi", "video4linux2:0", "s3::film.mp4",
    "memory::x.mp4", "\u00e9\u4e2d.mp4", "film.m3u8", "film.ffconcat", "film.png",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_only_a_name(name: str, folder: Path) -> None:
    (folder / name).write_bytes((folder / "film.mp4").read_bytes())
    with open_media(str(folder / name)) as container:
        assert container.streams.video[0].frames == 25
        assert "film" not in container.name


def test_a_pattern_does_not_read_the_images_that_it_matches(folder: Path) -> None:
    for number in range(3):
        (folder / f"{number:03d}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    (folder / "%03d.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    with pytest.raises(MediaError, match=r"image format that is not read \(png\)"):
        open_media(str(folder / "%03d.png"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"notes on the shoot\n" * 20, "not a video: a text file"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\n", "not a video: a text file"),
        (b"[Script Info]\nScriptType: v4.00+\n\n[Events]\n", "not a video: a text file"),
        (b"BM" + b"\x46\0\0\0" + b"\0" * 4 + b"\x36\0\0\0\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18\0" + b"\0" * 40,
         r"image format that is not read \(bmp\)"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 64, "index .moov. is missing"),
        (b"\x1aE\xdf\xa3" + b"\0" * 64, "Matroska or WebM file"),
        (bytes(range(1, 256)) * 8, "not a media file that FFmpeg can read"),
    ],
)  # fmt: skip
def test_what_is_not_a_video_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        open_stream(io.BytesIO(content))


def test_sound_opens_so_that_it_can_be_called_sound(tmp_path: Path) -> None:
    make_sound(tmp_path / "tone.m4a")
    with open_media(str(tmp_path / "tone.m4a")) as container:
        assert (len(container.streams.video), len(container.streams.audio)) == (0, 1)


def _with_external_track(video: bytes, other: str) -> bytes:
    """The video with its data reference (`dref`) turned into a Macintosh alias of another file."""
    position = video.index(b"url \x00\x00\x00\x01") - 4  # "in this file"
    path = other.encode() + b"\0" * (len(other) % 2)
    # Volume, name and dates are empty; one level up from here and one down; the absolute path; the end.
    alias = b"alis" + bytes(4 + 130) + b"\0\x01\0\x01" + bytes(16)
    alias += b"\0\x02" + len(path).to_bytes(2, "big") + path + b"\xff\xff\0\0"
    entry = (4 + len(alias)).to_bytes(4, "big") + alias
    boxes = bytearray(video[:position] + entry + video[position + 12 :])
    for name in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        at = boxes.rindex(name, 0, position) - 4
        boxes[at : at + 4] = (int.from_bytes(boxes[at : at + 4], "big") + len(entry) - 12).to_bytes(4, "big")
    return bytes(boxes)


@pytest.mark.parametrize("other", ["/x/film.mp4", "{folder}/film.mp4", "/etc/passwd", "/dev/zero"])
def test_a_track_that_lies_in_another_file_gives_no_packet(other: str, folder: Path) -> None:
    video = (folder / "film.mp4").read_bytes()
    (folder / "borrowed.mp4").write_bytes(_with_external_track(video, other.format(folder=folder)))
    with open_media(str(folder / "borrowed.mp4")) as container:
        (stream,) = container.streams.video
        assert [packet for packet in container.demux(stream) if packet.size] == []


def test_the_borrowed_track_is_really_read_where_references_are_allowed(folder: Path) -> None:
    video = (folder / "film.mp4").read_bytes()
    (folder / "borrowed.mp4").write_bytes(_with_external_track(video, f"{folder}/film.mp4"))
    allowed = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(str(folder / "borrowed.mp4"), options=allowed) as container:
        assert sum(packet.size > 0 for packet in container.demux(video=0)) == 25


def test_a_matroska_segment_that_links_others_holds_its_own_frames_alone(folder: Path) -> None:
    make_film(folder / "plain.mkv", flat((200, 30, 30), 25), container_options={"write_crc32": "0"})
    content = bytearray((folder / "plain.mkv").read_bytes())
    writer, identity = content.index(b"\x57\x41"), content.index(b"\x73\xa4\x90")
    size = 3 + (
        content[writer + 2] & 0x7F
    )  # NextFilename overwrites the writing application, NextUID the segment's own UID
    content[writer : writer + size] = b"\x3e\x83\xbb" + bytes([0x80 | (size - 4)]) + b"film.mkv".ljust(size - 4, b"\0")
    content[identity : identity + 19] = b"\x3e\xb9\x23\x8f" + bytes(range(15))
    (folder / "linked.mkv").write_bytes(bytes(content))
    with open_media(str(folder / "linked.mkv")) as container:
        assert sum(packet.size > 0 for packet in container.demux(video=0)) == 25


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    set_limits(DEFAULT)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(frame_pixels=64 * 48 - 1), r"64x48 pixels are 0 million, more than limits\.frame_pixels = 3071"),
        (Limits(seconds=0.9), r"claims 1 s, more than limits\.seconds = 0\.9"),
        (Limits(frames=24), r"25 frames, more than limits\.frames = 24"),
    ],
)
def test_claims_over_a_limit_are_refused_with_its_name(limits: Limits, words: str, folder: Path) -> None:
    set_limits(limits)
    with pytest.raises(MediaError, match=words):
        open_media(str(folder / "film.mp4"))
    set_limits(Limits(frame_pixels=64 * 48, seconds=1.1, frames=25, streams=1))
    open_media(str(folder / "film.mp4")).close()


def test_streams_are_counted(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "many.mkv"), "w") as target:
        streams = [target.add_stream("mpeg4", 25) for _ in range(3)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stream in streams:
            for packet in stream.encode(av.VideoFrame(64, 48, "yuv420p")):
                target.mux(packet)
            target.mux(stream.encode(None))
    set_limits(Limits(streams=3))
    open_media(str(tmp_path / "many.mkv")).close()
    set_limits(Limits(streams=2))
    with pytest.raises(MediaError, match=r"3 streams, more than limits\.streams = 2"):
        open_media(str(tmp_path / "many.mkv"))


def test_a_frame_that_grows_over_the_limit_in_the_stream_is_never_made(tmp_path: Path) -> None:
    parts = []
    for name, size in (("small.ts", (64, 48)), ("large.ts", (256, 192))):
        make_film(tmp_path / name, flat((0, 90, 0), 12, size))
        parts.append((tmp_path / name).read_bytes())
    (tmp_path / "grows.ts").write_bytes(b"".join(parts))
    set_limits(Limits(frame_pixels=64 * 48))
    sizes = set()
    with open_media(str(tmp_path / "grows.ts")) as container:
        for packet in container.demux(video=0):
            try:
                sizes |= {(frame.width, frame.height) for frame in packet.decode()}
            except av.error.FFmpegError:
                continue
    assert sizes == {(64, 48)}

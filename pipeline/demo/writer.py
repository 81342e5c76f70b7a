"""Encodes a video to H.264 with the same bytes each time: one thread, no dates, tagged BT.709 limited range.

python -m pipeline.demo.build <folder>
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from pipeline.demo.editing import DemoVideo, frames, kept_ticks
from pipeline.demo.sources import CLIPS, locate
from pipeline.media.encode import REPRODUCIBLE_MUXER, REPRODUCIBLE_X264, prepare_encoder, to_bt709


def write_video(video: DemoVideo, folder: Path) -> None:
    """Encode the video below the folder, under its key."""
    path = folder / video.key
    path.parent.mkdir(parents=True, exist_ok=True)
    reformatter = VideoReformatter()
    delay = round(video.start_seconds * video.fps)
    with av.open(path, "w", container_options=REPRODUCIBLE_MUXER) as container:
        stream = _stream(container.add_stream("libx264", rate=video.fps), video)
        for tick, image in zip(kept_ticks(video), frames(video), strict=True):
            # A player rotates the image clockwise by `rotation`, so it is stored rotated the other way.
            stored = np.ascontiguousarray(np.rot90(image, video.rotation // 90))
            frame = to_bt709(stored, reformatter)
            frame.pts, frame.time_base = tick + delay, Fraction(1, video.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_audio(clip: str, path: Path) -> None:
    """Copy a clip's audio track into a file of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(locate(CLIPS[clip])) as source, av.open(path, "w", container_options=REPRODUCIBLE_MUXER) as target:
        heard = source.streams.audio[0]
        copied = target.add_stream_from_template(heard)
        for packet in source.demux(heard):
            if packet.dts is not None:
                packet.stream = copied
                target.mux(packet)


def _stream(stream: VideoStream, video: DemoVideo) -> VideoStream:
    stored = (video.width, video.height) if video.rotation == 0 else (video.height, video.width)
    stream.width, stream.height = stored
    stream.pix_fmt = "yuv420p"
    stream.options = {"preset": "veryfast", "crf": str(video.quality), **REPRODUCIBLE_X264}
    context = stream.codec_context
    context.time_base = Fraction(1, video.fps)
    prepare_encoder(context)
    if video.rotation:
        stream.set_display_rotation(-video.rotation)
    return stream

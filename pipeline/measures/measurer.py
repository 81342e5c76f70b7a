"""Measures every frame of a video once, in order, and summarises any clip afterwards; an image is a one-frame video.

Every frame is checked for repetition; every 1/6 s the motion since the last time is measured; twice a second the
full-size luma is analysed. Only numbers are kept, under 20 MB per hour of video, and three small images.

    measurer = Measurer(width, height, decoder.packets)
    measurer.push(frame)
    columns = measurer.summarise(first=0, end=120)
"""

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.measures import bars, motion
from pipeline.measures.base import SampledFrame
from pipeline.measures.bitrate import bits_per_pixel
from pipeline.measures.camera import label_camera
from pipeline.measures.frozen import FrozenMeter
from pipeline.measures.jitter import measure_jitter
from pipeline.measures.motion import MotionMeter, summarise_motion
from pipeline.measures.registry import MEASURES
from pipeline.measures.series import Series, Ticker
from pipeline.measures.sharpness import to_scale
from pipeline.media.analysis_frame import AnalysisFrame
from pipeline.media.decode import PacketSizes

NATIVE_SECONDS = 0.5


class Measurer:
    """Measures of one source; `width` and `height` are its displayed size, `packets` those its decoder demuxes."""

    def __init__(self, width: int, height: int, packets: PacketSizes) -> None:
        self._size = (width, height)
        self._packets = packets
        self._edges = array("d")
        self._end = 0.0
        self._motion_ticker, self._native_ticker = Ticker(motion.SAMPLE_SECONDS), Ticker(NATIVE_SECONDS)
        self._motion, self._frozen = MotionMeter(), FrozenMeter()
        self._pairs = Series(1 + len(motion.NAMES))
        self._measures = [(measure, Series(measure.width)) for measure in MEASURES]
        self._bars = Series(8)
        self._sides, self._side_scale = bars.NO_BARS, 1.0
        self._last: tuple[int, float, NDArray[np.uint8]] | None = None
        self._cached_video_depths: tuple[int, tuple[float, ...]] = (0, (0.0, 0.0, 0.0, 0.0))

    def push(self, frame: AnalysisFrame) -> None:
        """Process the next frame; indices count up from 0."""
        self._edges.append(frame.time)
        self._end = frame.end
        if self._native_ticker.is_due(frame.time, frame.end):
            self._measure_details(frame)
        due = self._motion_ticker.is_due(frame.time, frame.end)
        self._frozen.push(frame.luma, frame.time, frame.end, due)
        if due:
            self._measure_motion(frame)

    def _measure_details(self, frame: AnalysisFrame) -> None:
        native = frame.native()
        self._sides = bars.find_bars(native) if bars.may_have_bars(frame.luma) else bars.NO_BARS
        self._side_scale = frame.luma.shape[0] / native.shape[0]
        content = self._sides.trim(native)
        sampled = SampledFrame(content, to_scale(content))
        for measure, series in self._measures:
            series.add(frame.index, *measure.measure(sampled))
        # With non-square pixels the luma has the coded size, the box the displayed size.
        across, down = self._size[0] / native.shape[1], self._size[1] / native.shape[0]
        depths = (depth * scale for depth, scale in zip(self._sides.depths, (across, down) * 2, strict=True))
        self._bars.add(frame.index, *depths, *self._sides.edges)

    def _measure_motion(self, frame: AnalysisFrame) -> None:
        if self._last is not None:
            index, time, before = self._last
            old, new = (self._sides.trim(luma, self._side_scale) for luma in (before, frame.luma))
            measured = self._motion.measure(np.ascontiguousarray(old), np.ascontiguousarray(new), frame.time - time)
            if measured is not None:
                self._pairs.add(frame.index, index, *measured)
        self._last = (frame.index, frame.time, frame.luma)

    def summarise(self, first: int, end: int) -> dict[str, Any]:
        """The measures of the clip of frames `first` <= index < `end`; names and units are those of the clips table.

        Motion is None with fewer than two motion samples in the clip, jitter with fewer than six.
        """
        width, height = self._size
        start_time = self._edges[first]
        end_time = self._edges[end] if end < len(self._edges) else self._end
        pairs = self._pairs.between(first, end)
        pairs = pairs[pairs[:, 0] >= first, 1:]
        camera, confidence = label_camera(pairs)
        box = bars.crop_box(self._bars.nearest(first, end), self._video_depths(), width, height)
        return {
            **summarise_motion(pairs),
            "camera": camera,
            "camera_confidence": confidence,
            "jitter": measure_jitter(pairs),
            "frozen": self._frozen.share(start_time, end_time) if end_time > start_time else None,
            **self._of_frames(first, end),
            "bits_per_pixel": bits_per_pixel(self._packets, start_time, end_time, end - first, width * height),
            **dict(zip(("crop_left", "crop_top", "crop_width", "crop_height"), box, strict=True)),
        }

    def _of_frames(self, first: int, end: int) -> dict[str, float]:
        """The columns of the registered measures, from the clip's sampled frames or else the last one before it."""
        columns: dict[str, float] = {}
        for measure, series in self._measures:
            values = measure.summarise(series.nearest(first, end))
            columns |= {column.name: value for column, value in zip(measure.columns, values, strict=True)}
        return columns

    def _video_depths(self) -> tuple[float, ...]:
        if self._cached_video_depths[0] != len(self._edges):
            self._cached_video_depths = (len(self._edges), bars.video_depths(self._bars.all()))
        return self._cached_video_depths[1]

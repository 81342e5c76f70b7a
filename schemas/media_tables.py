"""Contracts of the tables of media: objects, videos, splits, clips, stills, duplicates.

Times are seconds on the video's own timeline: the presentation time of the container (a stream that starts at 1.5 s has
clips from 1.5 s on), and after a backward jump of the time stamps the time continues from the end of what came before.
Sizes are pixels of the displayed frame (rotation and sample aspect applied) unless the name has `coded_`.

    CLIPS.table(rows)      # a checked pyarrow table
"""

import pyarrow as pa

from schemas.contract import STATUS_COLUMNS, Column, TableContract

OBJECTS = TableContract(
    name="objects",
    key="object_id",
    doc="one row per object listed in the bucket",
    columns=(
        Column(name="object_id", type=pa.string(), doc="id of the listed object"),
        Column(name="key", type=pa.string(), doc="path relative to the bucket"),
        Column(name="uri", type=pa.string(), doc="where the bytes are"),
        Column(name="bytes", type=pa.int64(), doc="size in bytes"),
        Column(name="version", type=pa.string(), doc="etag, or modification time in ns for local files"),
        Column(name="etag", type=pa.string(), doc="the store's etag", optional=True),
    ),
)

SEGMENT = pa.struct(
    [("first_packet", pa.int64()), ("shift", pa.float64()), ("start", pa.float64()), ("end", pa.float64())]
)

VIDEOS = TableContract(
    name="videos",
    key="object_id",
    doc="one row per object of the bucket: what the probe found, or why it is not usable",
    columns=(
        Column(name="object_id", type=pa.string(), doc="id of the listed object"),
        Column(name="video_id", type=pa.string(), doc="id of the source"),
        Column(name="key", type=pa.string(), doc="path relative to the bucket"),
        Column(name="uri", type=pa.string(), doc="where the bytes are"),
        Column(name="bytes", type=pa.int64(), doc="size in bytes"),
        Column(name="version", type=pa.string(), doc="etag, or modification time in ns, when it was listed"),
        Column(name="identity", type=pa.string(), doc="etag of an object store, or BLAKE2b of the content"),
        Column(name="kind", type=pa.string(), doc="`video` or `image`"),
        Column(name="container", type=pa.string(), doc="FFmpeg's name of the container format"),
        Column(name="codec", type=pa.string(), doc="FFmpeg's name of the codec"),
        Column(name="pixel_format", type=pa.string(), doc="FFmpeg's name of the pixel format"),
        Column(name="coded_width", type=pa.int32(), doc="pixels, before rotation and sample aspect"),
        Column(name="coded_height", type=pa.int32(), doc="pixels, before rotation and sample aspect"),
        Column(name="width", type=pa.int32(), doc="pixels as displayed"),
        Column(name="height", type=pa.int32(), doc="pixels as displayed"),
        Column(name="sample_aspect", type=pa.float64(), doc="width of a pixel over its height; 1 = square"),
        Column(name="rotation", type=pa.int32(), doc="degrees to turn clockwise for display: 0, 90, 180, 270"),
        Column(name="mirrored", type=pa.bool_(), doc="whether it is mirrored left to right before it is turned"),
        Column(name="average_fps", type=pa.float64(), doc="frames per second over the whole stream", optional=True),
        Column(name="nominal_fps", type=pa.float64(), doc="frames per second that the stream declares", optional=True),
        Column(name="variable_rate", type=pa.bool_(), doc="whether frame intervals differ by more than 10 %"),
        Column(name="start_time", type=pa.float64(), doc="time of the first frame, seconds"),
        Column(name="duration", type=pa.float64(), doc="seconds of video, without gaps in the recording"),
        Column(name="frames", type=pa.int64(), doc="video packets that are to be shown"),
        Column(name="stream", type=pa.int32(), doc="index of the video stream that is used"),
        Column(name="scan", type=pa.string(), doc="`progressive`, `interlaced` or `telecine`, as seen in its frames"),
        Column(
            name="field_order",
            type=pa.string(),
            doc="`top` or `bottom`: the field that comes first; null where it is unknown or does not matter",
            optional=True,
        ),
        Column(name="frame_interval", type=pa.float64(), doc="median time between two frames, seconds"),
        Column(
            name="segments",
            type=pa.list_(SEGMENT),
            doc="its timeline: segments without a jump, with the shift of each one's time stamps; empty for an image",
        ),
        Column(name="color_range", type=pa.string(), doc="`limited`, `full` or `unspecified`"),
        Column(name="color_space", type=pa.string(), doc="FFmpeg's number of the matrix, as text; `2` = unspecified"),
        Column(name="color_primaries", type=pa.string(), doc="FFmpeg's number of the primaries, as text"),
        Column(name="color_transfer", type=pa.string(), doc="`sdr`, `pq`, `hlg` or `unspecified`"),
        Column(name="audio", type=pa.bool_(), doc="whether there is an audio stream"),
        *STATUS_COLUMNS,
    ),
)

PART = pa.struct(
    [
        ("start_time", pa.float64()),
        ("end_time", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("cause", pa.string()),
    ]
)

SPLITS = TableContract(
    name="splits",
    key="video_id",
    doc="one row per video after the decode pass, also if it gave no clip",
    columns=(
        Column(name="video_id", type=pa.string(), doc="id of the source"),
        Column(name="decoded_frames", type=pa.int64(), doc="frames decoded in the one pass"),
        Column(name="shots", type=pa.int32(), doc="shots found"),
        Column(name="clips", type=pa.int32(), doc="clips made"),
        Column(name="boundaries", type=pa.list_(pa.float64()), doc="first presentation time of each new shot, seconds"),
        Column(
            name="boundary_probabilities",
            type=pa.list_(pa.float64()),
            doc="the probability of each of these boundaries, 0 to 1; 1 where a part of the video begins",
        ),
        Column(
            name="parts",
            type=pa.list_(PART),
            doc="runs of frames with one timeline and one geometry: seconds, displayed pixels, and the cause of each",
        ),
        Column(name="reason", type=pa.string(), doc="why there is no clip", optional=True),
        *STATUS_COLUMNS,
    ),
)

CLIP_SPAN_COLUMNS = (
    Column(name="clip_id", type=pa.string(), doc="id of the clip"),
    Column(name="video_id", type=pa.string(), doc="id of its source"),
    Column(name="kind", type=pa.string(), doc="`video` or `image`"),
    Column(name="shot", type=pa.int32(), doc="ordinal of its shot in the source, from 0"),
    Column(name="start_time", type=pa.float64(), doc="presentation time of its first frame, seconds"),
    Column(name="end_time", type=pa.float64(), doc="end of its last frame, seconds; no frame at or after it"),
    Column(name="start_frame", type=pa.int64(), doc="index of its first frame in presentation order"),
    Column(name="end_frame", type=pa.int64(), doc="index after its last frame"),
    Column(name="rotation", type=pa.int32(), doc="degrees to turn clockwise for display: 0, 90, 180, 270"),
    Column(name="mirrored", type=pa.bool_(), doc="whether it is mirrored left to right before it is turned"),
    Column(name="duration", type=pa.float64(), doc="seconds; 0 for an image"),
    Column(name="fps", type=pa.float64(), doc="frames over duration; 0 for an image"),
    Column(name="width", type=pa.int32(), doc="pixels as displayed"),
    Column(name="height", type=pa.int32(), doc="pixels as displayed"),
    Column(
        name="motion",
        type=pa.float64(),
        doc="mean optical flow, percent of the frame's diagonal (without bars) per second, >= 0",
        optional=True,
    ),
    Column(
        name="camera_motion",
        type=pa.float64(),
        doc="the part of the flow that one similarity transform explains, same unit",
        optional=True,
    ),
    Column(
        name="subject_motion",
        type=pa.float64(),
        doc="the part of the flow that it does not explain, same unit",
        optional=True,
    ),
    Column(
        name="camera",
        type=pa.string(),
        doc="`static`, `pan left`, `pan right`, `tilt up`, `tilt down`, `zoom in`, `zoom out`, `handheld` (shakes "
        "more than it moves) or `moving` (none of these)",
        optional=True,
    ),
    Column(
        name="camera_confidence",
        type=pa.float64(),
        doc="0 to 1: share of the time (`static`) or of the camera's path that `camera` explains",
        optional=True,
    ),
    Column(
        name="jitter",
        type=pa.float64(),
        doc="RMS of the camera's shake around its smooth path, percent of the diagonal, >= 0; null below about 1 s",
        optional=True,
    ),
    Column(
        name="frozen",
        type=pa.float64(),
        doc="share of the time in which the frame does not change for 0.25 s or more, 0 to 1; null for an image",
        optional=True,
    ),
    Column(
        name="interlaced",
        type=pa.float64(),
        doc="share of the source's frames whose two fields differ in time, 0 to 1; null for an image",
        optional=True,
    ),
)
"""Of the clips table: the span, its size, and what is measured over time. Measures of single frames come after it."""

CLIP_CONTENT_COLUMNS = (
    Column(
        name="bits_per_pixel",
        type=pa.float64(),
        doc="bits of the source's packets (an image: file) per displayed pixel and frame, > 0",
        optional=True,
    ),
    Column(name="crop_left", type=pa.int32(), doc="left edge of the content inside the bars, displayed pixels, >= 0"),
    Column(name="crop_top", type=pa.int32(), doc="top edge of the content inside the bars, displayed pixels, >= 0"),
    Column(name="crop_width", type=pa.int32(), doc="width inside the bars, pixels; `width` if there are none"),
    Column(name="crop_height", type=pa.int32(), doc="height inside the bars, pixels; `height` if there are none"),
)
"""Of the clips table, at its end: bits per pixel, and the area inside the bars."""

STILLS = TableContract(
    name="stills",
    key="still_id",
    doc="one row per still: a frame of a clip that is kept as an image",
    columns=(
        Column(name="still_id", type=pa.string(), doc="id of the still"),
        Column(name="clip_id", type=pa.string(), doc="id of its clip"),
        Column(name="video_id", type=pa.string(), doc="id of its source"),
        Column(name="ordinal", type=pa.int32(), doc="index in the clip in time order, from 0"),
        Column(name="time", type=pa.float64(), doc="presentation time, seconds"),
        Column(name="width", type=pa.int32(), doc="pixels, without bars"),
        Column(name="height", type=pa.int32(), doc="pixels, without bars"),
        Column(name="hash", type=pa.uint64(), doc="difference hash of the image, 64 bits, made in split"),
        Column(
            name="signature",
            type=pa.binary(),
            doc="mean colours of the whole frame, with bars, on an 8x8 grid; see pipeline.media.signature",
        ),
    ),
)

STILL_IMAGES = TableContract(
    name="still_images",
    key="still_id",
    doc="one row per still: its image, apart from its columns, so that these are read without any picture",
    columns=(
        Column(name="still_id", type=pa.string(), doc="id of the still"),
        Column(name="clip_id", type=pa.string(), doc="id of its clip"),
        Column(name="video_id", type=pa.string(), doc="id of its source"),
        Column(name="image", type=pa.binary(), doc="JPEG, short side at most 512"),
    ),
)

DUPLICATES = TableContract(
    name="duplicates",
    key="id",
    doc="one row per video or clip that duplicates another one",
    columns=(
        Column(name="id", type=pa.string(), doc="id of the duplicate"),
        Column(name="duplicate_of", type=pa.string(), doc="id of the video or clip that is kept"),
        Column(name="similarity", type=pa.float64(), doc="cosine of the mean embeddings, -1 to 1; 1 for equal bytes"),
        Column(name="hash_distance", type=pa.float64(), doc="mean differing bits of their stills' hashes, 0 to 64"),
    ),
)

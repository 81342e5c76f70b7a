"""Contracts of the tables of still measurements (embeddings, labels, scores) and of captions.

CAPTIONS.table(rows)      # a checked pyarrow table
"""

import pyarrow as pa

from schemas.contract import STATUS_COLUMNS, Column, TableContract
from schemas.named_values import named_values

EMBEDDINGS = TableContract(
    name="embeddings",
    key="still_id",
    doc="one row per still: its image embedding",
    columns=(
        Column(name="still_id", type=pa.string(), doc="id of the still"),
        Column(name="clip_id", type=pa.string(), doc="id of its clip"),
        Column(name="model", type=pa.string(), doc="embedder and revision"),
        Column(name="vector", type=pa.list_(pa.float32()), doc="the embedding, not normalised"),
        *STATUS_COLUMNS,
    ),
)

LABELS = TableContract(
    name="labels",
    key="still_id",
    doc="one row per still: the labels that the embedding's classifier gives it",
    columns=(
        Column(name="still_id", type=pa.string(), doc="id of the still"),
        Column(name="clip_id", type=pa.string(), doc="id of its clip"),
        Column(name="names", type=pa.list_(pa.string()), doc="label names, most likely first"),
        Column(name="probabilities", type=pa.list_(pa.float32()), doc="their probabilities, 0 to 1"),
        *STATUS_COLUMNS,
    ),
)

SCORES = TableContract(
    name="scores",
    key="clip_id",
    doc="one row per clip and scorer: the measures of the scorer on its stills",
    columns=(
        Column(name="clip_id", type=pa.string(), doc="id of the clip"),
        Column(name="scorer", type=pa.string(), doc="name of the scorer"),
        Column(
            name="measures",
            type=named_values(pa.float64()),
            doc="values by column name; units are in the scorer's documentation",
        ),
        *STATUS_COLUMNS,
    ),
)

FRAME_CAPTIONS = TableContract(
    name="frame_captions",
    key="still_id",
    doc="one row per still: its caption",
    columns=(
        Column(name="still_id", type=pa.string(), doc="id of the still"),
        Column(name="clip_id", type=pa.string(), doc="id of its clip"),
        Column(name="time", type=pa.float64(), doc="presentation time of the still, seconds"),
        Column(name="caption", type=pa.string(), doc="the caption"),
        Column(name="captioner", type=pa.string(), doc="name of the backend"),
        Column(name="model", type=pa.string(), doc="model and revision"),
        Column(name="prompt_hash", type=pa.string(), doc="hash of the prompt"),
        *STATUS_COLUMNS,
    ),
)

OVERVIEWS = TableContract(
    name="overviews",
    key="sample_id",
    doc="one row per sample: a vision model's short caption from all stills inside its span at once",
    columns=(
        Column(name="sample_id", type=pa.string(), doc="id of the sample"),
        Column(name="clip_id", type=pa.string(), doc="id of its clip"),
        Column(name="overview", type=pa.string(), doc="the short caption of the whole sample"),
        Column(name="captioner", type=pa.string(), doc="name of the backend"),
        Column(name="model", type=pa.string(), doc="model and revision"),
        Column(name="prompt_hash", type=pa.string(), doc="hash of the prompt"),
        *STATUS_COLUMNS,
    ),
)

CAPTIONS = TableContract(
    name="captions",
    key="sample_id",
    doc="one row per sample: its caption in three lengths",
    columns=(
        Column(name="sample_id", type=pa.string(), doc="id of the sample"),
        Column(name="clip_id", type=pa.string(), doc="id of its clip"),
        Column(name="short", type=pa.string(), doc="at most 20 words"),
        Column(name="medium", type=pa.string(), doc="at most 60 words"),
        Column(name="dense", type=pa.string(), doc="the dense caption, in time order"),
        Column(
            name="fields",
            type=named_values(pa.string()),
            doc="subject, action, setting, camera, light, style: those that the model gave and the inputs support",
        ),
        Column(name="summariser", type=pa.string(), doc="name of the backend"),
        Column(name="model", type=pa.string(), doc="model and revision"),
        Column(name="prompt_hash", type=pa.string(), doc="hash of the prompt"),
        Column(
            name="fallback",
            type=pa.string(),
            doc="why the joined frame captions replace the model's text; null if they do not",
            optional=True,
        ),
        Column(
            name="budget",
            type=pa.string(),
            doc="how `dense` came to fit the token budget: `asked again` or `cut`; null if it fitted at once",
            optional=True,
        ),
        Column(name="tokens", type=pa.int32(), doc="tokens of `dense`, counted by `token_counter`"),
        Column(name="token_counter", type=pa.string(), doc="the tokenizer that counted; an estimate says so"),
        *STATUS_COLUMNS,
    ),
)

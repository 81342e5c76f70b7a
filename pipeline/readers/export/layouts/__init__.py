"""The layouts that `just export-clips --as` knows. A new one is a file here and a line in the list."""

from pipeline.readers.export.layouts.json_list import JsonList
from pipeline.readers.export.layouts.layout import Layout
from pipeline.readers.export.layouts.metadata_jsonl import MetadataJsonl
from pipeline.readers.export.layouts.prompts_txt import PromptsTxt
from pipeline.readers.export.layouts.videos_labels import VideosLabels
from pipeline.readers.export.layouts.videos_txt import VideosTxt

_ALL: tuple[Layout, ...] = (
    VideosTxt(),
    MetadataJsonl(),
    PromptsTxt(),
    JsonList(),
    VideosLabels(),
)
LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in _ALL}

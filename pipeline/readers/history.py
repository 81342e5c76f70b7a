"""Reads the tables of a finished dataset, as recorded by its last run, without Ray and without the bucket.

tables = History(Dataset("datasets/demo")).of_clip(clip_id)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Output, Row
from pipeline.stages.score.configured import scorer_names
from pipeline.stages.select.measured import with_measures
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS, LABELS, OVERVIEWS, SCORES
from schemas.config import RunConfig
from schemas.contract import TableContract
from schemas.dataset_files import DUPLICATES_FILE, INDEX, LEDGER_FILE, SELECTION_FILE, SPANS_FILE
from schemas.errors import ConfigError, DatasetError
from schemas.load import settings_of
from schemas.media_tables import DUPLICATES, SPLITS, STILLS, VIDEOS
from schemas.outcome_tables import LEDGER, SAMPLE_SPANS, SAMPLES, SELECTION

# Secondary tables follow the plan of their stage's primary table.
_IMAGES = "still_images"
_PLANNED_IN = {"clips": "splits", "stills": "splits", "still_images": "splits"}


@dataclass(frozen=True)
class History:
    """The tables of a dataset as of its last run."""

    dataset: Dataset

    @cached_property
    def record(self) -> Mapping[str, Any]:
        """`run.json`."""
        return self.dataset.read_record()

    @cached_property
    def config(self) -> RunConfig:
        """The configuration of the last run. Raises `DatasetError` if another version's settings stand there."""
        try:
            return settings_of(RunConfig, self.record["config"])
        except ConfigError as error:
            reason = "; ".join(str(error).splitlines())
            raise DatasetError(
                f"{self.dataset.store.path('run.json')} holds settings of another version ({reason}); run "
                "`just curate` again, which rewrites it"
            ) from None

    def parts(
        self,
        folder: str,
        stage: str,
        contract: TableContract,
        columns: list[str] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """A stage's table, filtered by `where`; a retried row appears with its last result only."""
        fingerprint = self.record["stages"][stage]["fingerprint"]
        plan = self.dataset.read_plan(_PLANNED_IN.get(folder, folder), fingerprint)
        order = {part.name: index for index, part in enumerate(plan)}
        if folder == _IMAGES and not self.dataset.store.exists(f"{folder}/{fingerprint}"):
            folder = "stills"  # an earlier version kept them there, and the next run takes them out
        output = Output(folder=folder, contract=contract, parent=contract.key)
        part_names = sorted(self.dataset.committed(output, fingerprint), key=lambda name: order.get(name, -1))
        latest: dict[str, dict[str, Any]] = {}
        for name in part_names:  # the part planned last wins, as when the stage runs
            table = self.dataset.read_parts(output, fingerprint, {name: None}, columns)
            table = table if where is None else table.filter(where)
            latest.update({row[contract.key]: row for row in table.drop_columns([PART_COLUMN]).to_pylist()})
        schema = contract.schema if columns is None else pa.schema([contract.schema.field(name) for name in columns])
        return pa.Table.from_pylist([latest[key] for key in sorted(latest)], schema=schema)

    @cached_property
    def selection(self) -> dict[str, Row]:
        """Selection rows by clip id."""
        return {row["clip_id"]: row for row in self.dataset.read_table(SELECTION_FILE, SELECTION).to_pylist()}

    @cached_property
    def spans(self) -> dict[str, Row]:
        """The planned samples by sample id: span, bucket, and the stills that the caption is made from."""
        return {row["sample_id"]: row for row in self.dataset.read_table(SPANS_FILE, SAMPLE_SPANS).to_pylist()}

    @cached_property
    def duplicates(self) -> dict[str, str]:
        """The clip kept instead of each near-duplicate, by clip id."""
        table = self.dataset.read_table(DUPLICATES_FILE, DUPLICATES)
        return {row["id"]: row["duplicate_of"] for row in table.to_pylist()}

    @cached_property
    def clips(self) -> list[Row]:
        """Clips of the last run with every measure as a column."""
        table = self.parts("clips", "split", CLIPS)
        live = pa.array(list(self.selection), pa.string())
        table = table.filter(pc.is_in(table["clip_id"], value_set=live))
        scores = [
            self._live(self.parts(f"scores/{name}", f"score {name}", SCORES))
            for name in scorer_names(self.config.score)
        ]
        return list(with_measures(table, scores).values())

    def _live(self, table: pa.Table) -> pa.Table:
        return table.filter(pc.is_in(table["clip_id"], value_set=pa.array(list(self.selection), pa.string())))

    def of_clip(self, clip_id: str) -> dict[str, list[Row]]:
        """Everything that the dataset stores about one clip, by table."""
        video_id = clip_id.split("-")[0]

        def rows(table: pa.Table, column: str = "clip_id", value: str = clip_id) -> list[Row]:
            matches: list[Row] = table.filter(pc.equal(table[column], value)).to_pylist()
            return matches

        tables = {
            "source": rows(self.parts("videos", "ingest", VIDEOS), "video_id", video_id),
            "split": rows(self.parts("splits", "split", SPLITS), "video_id", video_id),
            "clip": [clip for clip in self.clips if clip["clip_id"] == clip_id],
            "selection": [row for key, row in self.selection.items() if key == clip_id],
            "stills": rows(self.parts("stills", "split", STILLS, list(STILLS.names))),
            "frame captions": rows(self.parts("frame_captions", "caption", FRAME_CAPTIONS)),
            "spans": [row for row in self.spans.values() if row["clip_id"] == clip_id],
            "captions": rows(self.parts("captions", "summarise", CAPTIONS)),
            "samples": rows(self.dataset.read_table(INDEX, SAMPLES)),
            "ledger": rows(self.dataset.read_table(LEDGER_FILE, LEDGER), "id", clip_id),
            "overviews": [],
            "labels": [],
        }
        if "overview" in self.record["stages"]:
            tables["overviews"] = rows(self.parts("overviews", "overview", OVERVIEWS))
        if self.config.score.labeller:
            tables["labels"] = rows(self.parts("labels", "label", LABELS))
        return tables

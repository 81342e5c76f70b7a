"""Reads the tables of a finished dataset, as recorded by its last run, without Ray and without the bucket.

tables = History(Dataset("datasets/demo")).of_clip(clip_id)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.whole_tables import schema_of
from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Output, Row
from pipeline.stages.score.configured import scorer_names
from pipeline.stages.select.measured import ScoreTable, measured_clips, measures_of, with_measures
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS, LABELS, OVERVIEWS, SCORES
from schemas.config import RunConfig
from schemas.contract import TableContract
from schemas.dataset_files import DUPLICATES_FILE, INDEX, LEDGER_FILE, SELECTION_FILE, SPANS_FILE
from schemas.errors import ConfigError, DatasetError
from schemas.load import settings_of
from schemas.media_tables import DUPLICATES, SPLITS, STILLS, VIDEOS
from schemas.outcome_tables import LEDGER, SAMPLE_SPANS, SAMPLES, SELECTION

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

_OF_SCORES = ("status", "error", "measures")
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
        if folder == _IMAGES and not self.dataset.store.exists(f"{folder}/{fingerprint}"):
            folder = "stills"  # an earlier version kept them there, and the next run takes them out
        output = Output(folder=folder, contract=contract, parent=contract.key)
        part_names = self._in_order(output, fingerprint)
        latest: dict[str, dict[str, Any]] = {}
        for name in part_names:  # the part planned last wins, as when the stage runs
            table = self.dataset.read_parts(output, fingerprint, {name: None}, columns)
            table = table if where is None else table.filter(where)
            latest.update({row[contract.key]: row for row in table.drop_columns([PART_COLUMN]).to_pylist()})
        schema = contract.schema if columns is None else pa.schema([contract.schema.field(name) for name in columns])
        return pa.Table.from_pylist([latest[key] for key in sorted(latest)], schema=schema)

    def _in_order(self, output: Output, fingerprint: str) -> list[str]:
        """The names of a table's part files, those planned last at the end."""
        plans = self.dataset.plans(_PLANNED_IN.get(output.folder, output.folder), fingerprint)
        order = {name: index for index, name in enumerate(plans.names())}
        return sorted(self.dataset.committed(output, fingerprint), key=lambda name: (order.get(name, -1), name))

    def relation(
        self, connection: "Connection", folder: str, stage: str, contract: TableContract, columns: Sequence[str]
    ) -> "Relation":
        """The same rows as `parts` gives, for DuckDB, in no particular order; the key is always among the columns."""
        from pipeline.dataset.query import parquet

        fingerprint = self.record["stages"][stage]["fingerprint"]
        output = Output(folder=folder, contract=contract, parent=contract.key)
        store = self.dataset.store
        keys = [self.dataset.part_key(output, fingerprint, name) for name in self._in_order(output, fingerprint)]
        names = list(dict.fromkeys([contract.key, *columns]))
        for key in keys[:1] + keys[-1:]:
            stated = schema_of(store, key)
            if not contract.modern(stated.empty_table()).schema.equals(stated):  # which only Arrow converts
                return connection.from_arrow(self.parts(folder, stage, contract, names))
        schema = pa.schema([contract.schema.field(name) for name in names])
        rows = parquet(connection, store, keys, schema, PART_COLUMN).set_alias("rows")
        listed = ", ".join(f'"{name}"' for name in names)
        if len(keys) < 2:
            return rows.project(listed)
        counted = rows.aggregate(f"{contract.key}, count(*) AS times", contract.key)
        again = counted.filter("times > 1").project(contract.key).set_alias("again")
        places = pa.table({"planned": pa.array(range(len(keys)), pa.int64()), PART_COLUMN: pa.array(keys, pa.string())})
        planned = connection.from_arrow(places).set_alias("places")
        retried = rows.join(again, contract.key, how="semi").set_alias("retried").join(planned, PART_COLUMN)
        ranked = retried.project(
            f"{listed}, row_number() OVER (PARTITION BY {contract.key} ORDER BY planned DESC) AS place"
        )
        once = rows.join(again, contract.key, how="anti").project(listed)
        return once.union(ranked.filter("place = 1").project(listed))

    def measured(self, connection: "Connection", columns: Sequence[str]) -> "Relation":
        """These columns of all clips that could be measured in the last run, whatever table holds them."""
        selection = self.dataset.relation(connection, SELECTION_FILE, SELECTION, ["clip_id", "state"])
        wanted = {*columns}
        clips = self.relation(connection, "clips", "split", CLIPS, [name for name in CLIPS.names if name in wanted])
        clips = clips.join(selection.filter("state <> 'failed'").project("clip_id"), "clip_id", how="semi")
        scores = [
            ScoreTable(self.relation(connection, f"scores/{name}", f"score {name}", SCORES, _OF_SCORES), measures)
            for name, measures in measures_of(self.config.score).items()
            if wanted & {*measures}
        ]
        return measured_clips(clips, scores, columns)

    def copies(self, connection: "Connection") -> "Relation":
        """The near-duplicates of the last run: `id`, and in `duplicate_of` the clip that was kept instead."""
        return self.dataset.relation(connection, DUPLICATES_FILE, DUPLICATES, ["id", "duplicate_of"])

    def kept(self, connection: "Connection") -> int:
        """The number of clips that the last run kept."""
        selection = self.dataset.relation(connection, SELECTION_FILE, SELECTION, ["state"])
        return int(selection.filter("state = 'kept'").aggregate("count(*)").fetchall()[0][0])

    @cached_property
    def selection(self) -> dict[str, Row]:
        """Selection rows by clip id."""
        return {row["clip_id"]: row for row in self.dataset.read_table(SELECTION_FILE, SELECTION).to_pylist()}

    @cached_property
    def spans(self) -> dict[str, Row]:
        """The planned samples by sample id: span, bucket, and the stills that the caption is made from."""
        return {row["sample_id"]: row for row in self.dataset.read_table(SPANS_FILE, SAMPLE_SPANS).to_pylist()}

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

"""Reads the tables of a finished dataset, as recorded by its last run, without Ray and without the bucket.

tables = History(Dataset("datasets/demo")).of_clip(clip_id)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.whole_tables import schema_of
from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Output, Row
from pipeline.stages.score.configured import scorer_names
from pipeline.stages.select.measured import ScoreTable, measured_clips, measures_of
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS, LABELS, OVERVIEWS, SCORES
from schemas.config import RunConfig
from schemas.contract import TableContract
from schemas.dataset_files import DUPLICATES_FILE, INDEX, LEDGER_FILE, SELECTION_FILE, SPANS_FILE
from schemas.errors import ConfigError, DatasetError
from schemas.ids import video_of
from schemas.load import settings_of
from schemas.media_tables import DUPLICATES, SPLITS, STILLS, VIDEOS
from schemas.named_values import dict_of
from schemas.outcome_tables import LEDGER, SAMPLE_SPANS, SAMPLES, SELECTION

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

_OF_SCORES = ("status", "error", "measures")
_FEW = 20
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
        columns: Sequence[str] | None = None,
        where: str = "true",
    ) -> pa.Table:
        """A stage's table, filtered by `where` (SQL), by key; a retried row appears with its last result only."""
        from pipeline.dataset.query import querying

        schema = pa.schema([contract.schema.field(name) for name in columns or contract.names])
        with querying(self.dataset.store) as connection:
            rows = self.relation(connection, folder, stage, contract, columns or contract.names).filter(where)
            listed = ", ".join(f'"{name}"' for name in schema.names)
            return rows.order(contract.key).project(listed).to_arrow_table().cast(schema)

    def _converted(self, folder: str, stage: str, contract: TableContract, columns: Sequence[str]) -> pa.Table:
        """A table that an earlier version wrote, with today's names and types, until the next run rewrites it."""
        fingerprint = self.record["stages"][stage]["fingerprint"]
        if folder == _IMAGES and not self.dataset.store.exists(f"{folder}/{fingerprint}"):
            folder = "stills"  # an earlier version kept them there, and the next run takes them out
        output = Output(folder=folder, contract=contract, parent=contract.key)
        part_names = self._in_order(output, fingerprint)
        chosen = None if {*columns} == {*contract.names} else list(columns)  # all of them are checked by the contract
        latest: dict[str, dict[str, Any]] = {}
        for name in part_names:  # the part planned last wins, as when the stage runs
            table = self.dataset.read_parts(output, fingerprint, {name: None}, chosen)
            latest.update({row[contract.key]: row for row in table.drop_columns([PART_COLUMN]).to_pylist()})
        schema = pa.schema([contract.schema.field(name) for name in columns])
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
        if folder == _IMAGES and not self.dataset.store.exists(f"{folder}/{fingerprint}"):
            folder = "stills"  # an earlier version kept them there, and the next run takes them out
        output = Output(folder=folder, contract=contract, parent=contract.key)
        store = self.dataset.store
        keys = [self.dataset.part_key(output, fingerprint, name) for name in self._in_order(output, fingerprint)]
        names = list(dict.fromkeys([contract.key, *columns]))
        for key in keys[:1] + keys[-1:]:
            stated = schema_of(store, key)
            modern = contract.modern(stated.empty_table()).schema
            if not modern.equals(stated) or not {*names} <= {*modern.names}:  # which only Arrow converts, or refuses
                return connection.from_arrow(self._converted(folder, stage, contract, names))
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
    def spans(self) -> dict[str, Row]:
        """The planned samples by sample id: span, bucket, and the stills that the caption is made from."""
        return {row["sample_id"]: row for row in self.dataset.read_table(SPANS_FILE, SAMPLE_SPANS).to_pylist()}

    def clips_like(self, beginning: str) -> list[str]:
        """The ids of clips that begin so, or with which it begins (as a still's id does); if none do, a few ids."""
        from pipeline.dataset.query import querying, text

        said = text(beginning)
        with querying(self.dataset.store) as connection:
            ids = self.dataset.relation(connection, SELECTION_FILE, SELECTION, ["clip_id"])
            alike = ids.filter(f"starts_with(clip_id, {said}) OR starts_with({said}, clip_id || '-')")
            for chosen in (alike, ids.limit(_FEW)):
                if listed := chosen.order("clip_id").to_arrow_table()["clip_id"].to_pylist():
                    return list(listed)
        return []

    def of_video(self, named: str) -> dict[str, list[Row]]:
        """The ledger's row of the source with this key or id (`film`), and those of what is `within` it; else empty."""
        from pipeline.dataset.query import querying, text

        with querying(self.dataset.store) as connection:
            ledger = self.dataset.relation(connection, LEDGER_FILE, LEDGER)
            said = text(named)
            films = ledger.filter(f"kind = 'video' AND (source = {said} OR id = {said})").order("source, id").limit(1)
            film: list[Row] = films.to_arrow_table().to_pylist()
            if not film:
                return {}
            clips = ledger.filter(f"parent = {text(film[0]['id'])}")
            inside = ledger.set_alias("inside").join(clips.project("id AS parent"), "parent", how="semi")
            columns = ", ".join(LEDGER.names)
            within = clips.project(columns).union(inside.project(columns)).order("kind, source, id")
            return {"film": film, "within": within.to_arrow_table().to_pylist()}

    def of_clip(self, clip_id: str) -> dict[str, list[Row]]:
        """Everything that the dataset stores about one clip, by table."""
        from pipeline.dataset.query import querying

        video_id = video_of(clip_id)
        with querying(self.dataset.store) as connection:
            rows = _RowsOf(self, connection)
            tables = {
                "source": rows.of_stage("videos", "ingest", VIDEOS, "video_id", video_id),
                "split": rows.of_stage("splits", "split", SPLITS, "video_id", video_id),
                "clip": rows.of_stage("clips", "split", CLIPS, "clip_id", clip_id),
                "selection": rows.of_table(SELECTION_FILE, SELECTION, "clip_id", clip_id),
                "stills": rows.of_stage("stills", "split", STILLS, "clip_id", clip_id),
                "frame captions": rows.of_stage("frame_captions", "caption", FRAME_CAPTIONS, "clip_id", clip_id),
                "spans": rows.of_table(SPANS_FILE, SAMPLE_SPANS, "clip_id", clip_id),
                "captions": rows.of_stage("captions", "summarise", CAPTIONS, "clip_id", clip_id),
                "samples": rows.of_table(INDEX, SAMPLES, "clip_id", clip_id),
                "ledger": rows.of_table(LEDGER_FILE, LEDGER, "id", clip_id),
                "overviews": [],
                "labels": [],
            }
            for name in scorer_names(self.config.score):
                for score in rows.of_stage(f"scores/{name}", f"score {name}", SCORES, "clip_id", clip_id):
                    tables["clip"][0].update(dict_of(score["measures"]))
            if "overview" in self.record["stages"]:
                tables["overviews"] = rows.of_stage("overviews", "overview", OVERVIEWS, "clip_id", clip_id)
            if self.config.score.labeller:
                tables["labels"] = rows.of_stage("labels", "label", LABELS, "clip_id", clip_id)
        return tables


@dataclass(frozen=True, slots=True)
class _RowsOf:
    """Reads the rows of tables in which a column has one value."""

    history: History
    connection: "Connection"

    def of_stage(self, folder: str, stage: str, contract: TableContract, column: str, value: str) -> list[Row]:
        """Of a stage's table."""
        rows = self.history.relation(self.connection, folder, stage, contract, contract.names)
        return self._of(rows, contract, column, value)

    def of_table(self, key: str, contract: TableContract, column: str, value: str) -> list[Row]:
        """Of a whole table."""
        return self._of(self.history.dataset.relation(self.connection, key, contract), contract, column, value)

    def _of(self, rows: "Relation", contract: TableContract, column: str, value: str) -> list[Row]:
        from pipeline.dataset.query import text

        chosen = rows.filter(f'"{column}" = {text(value)}').order(contract.key)
        columns = ", ".join(f'"{name}"' for name in contract.names)
        listed: list[Row] = chosen.project(columns).to_arrow_table().cast(contract.schema).to_pylist()
        return listed

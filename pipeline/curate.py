"""The main job: a bucket of raw video becomes verified, captioned shards. Read `Curation.run` top to bottom.

just curate demo                                        # the sample bucket, made on this machine
just curate ~/videos --out datasets/videos              # a folder
just curate s3://bucket/raw --profile gpu               # an object store
"""

import time
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from captioning.captioners import CAPTIONERS
from pipeline.dataset.belonging import Confirmation, canonical_bucket, check_bucket, check_vanished
from pipeline.dataset.card import write_card
from pipeline.dataset.complete import CompleteSlices
from pipeline.dataset.energon import write_energon
from pipeline.dataset.folder import Dataset
from pipeline.dataset.ledger import build_ledger, count_states
from pipeline.dataset.ledger_rows import VANISHED, RunTables, caption_failures
from pipeline.dataset.migration import is_former, migrate
from pipeline.dataset.migration_slices import divide_plans, former_keys
from pipeline.dataset.slices import SliceOf, Slices
from pipeline.dataset.stage_run import StageRun
from pipeline.dataset.unchanged import digest_of_inputs, marked, unchanged_record, with_mark_of
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.engine.grouping import plan_slices
from pipeline.engine.groups import SlicedRows
from pipeline.engine.progress import Progress
from pipeline.engine.record import make_record
from pipeline.engine.slice_inputs import digest_of_rows
from pipeline.engine.steps import Ahead
from pipeline.stage import STATUS
from pipeline.stages.cluster_requirements import requirements_of
from pipeline.stages.ingest.stage import find_identical, list_bucket
from pipeline.stages.pack.committed import packed_samples, packed_sources
from pipeline.stages.pack.described import (
    FRAME_COLUMNS,
    VIDEO_COLUMNS,
    DescribedTables,
    described_samples,
    inputs_of_samples,
    with_texts,
)  # fmt: skip
from pipeline.stages.pack.packing import Packing
from pipeline.stages.pack.planned import find_digests
from pipeline.stages.pack.rounds import count_of
from pipeline.stages.pack.samples import plan_samples
from pipeline.stages.pack.verify import OUTPUTS as VERIFIED_OUTPUTS
from pipeline.stages.pack.verify import verify_new
from pipeline.stages.preflight import check_config
from pipeline.stages.select.duplicates import WANTED, find_copies
from pipeline.stages.select.feature_files import FeatureFiles
from pipeline.stages.select.gather import Looks, gather_features
from pipeline.stages.select.measured import (
    ScoreTable,
    columns_of_rules,
    measured_clips,
    measures_of,
    with_bitrate,
)  # fmt: skip
from pipeline.stages.select.sample_spans import (
    CLIP_COLUMNS,
    SORTING_GIGABYTES,
    STILLS_READ,
    ShortSamples,
    plan_spans,
    streams_of,
)  # fmt: skip
from pipeline.stages.select.select import COPY_COLUMNS, rules_of, select
from pipeline.stages.slices.stage import OUTPUTS as SLICES_OUTPUTS
from pipeline.stages.slices.stage import gather_slices
from pipeline.stages.specs_of_run import make_specs
from pipeline.stages.steps_of_run import SOURCES, SPANS, encode_ahead, steps_after_selection, steps_before_selection
from schemas.caption_tables import CAPTIONS
from schemas.config import RunConfig
from schemas.dataset_files import DUPLICATES_FILE, INDEX, LEDGER_FILE, SELECTION_FILE, SPANS_FILE, VIDEO_DUPLICATES_FILE
from schemas.media_tables import DUPLICATES
from schemas.outcome_tables import LEDGER, SAMPLE_SPANS, SAMPLES, SELECTION

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation


class Curation:
    """One run over one bucket into one dataset. Checks the configuration and lists the bucket before it writes."""

    def __init__(
        self,
        bucket: str,
        dataset: Dataset,
        config: RunConfig,
        cluster: Cluster,
        retry: bool = False,
        confirmed: Collection[Confirmation] = (),
    ) -> None:
        check_config(config)
        check_bucket(dataset, bucket, confirmed)
        self.bucket = canonical_bucket(bucket)
        self.dataset = dataset
        self.config = config
        self.engine = Engine(dataset, config.engine, cluster, retry, config.limits)
        self.complaints: list[str] = []
        self.unchanged = False
        self._retry = retry
        self._said: Mapping[str, StageRun] = {}
        self._specs = make_specs(config, dataset.store.address)
        self._objects = list_bucket(bucket, config.ingest)
        cluster.expect(requirements_of(config, self._specs, dataset.store.address, self._objects))
        self.vanished = check_vanished(dataset, self._objects["key"], config.ingest, confirmed)

    def run(self) -> dict[str, Any]:
        """Bring the dataset up to date with the bucket; returns the run's record, as written to `run.json`."""
        started = time.time()
        fingerprints = (spec.fingerprint for spec in self._specs)
        decided_by = digest_of_inputs(
            self.config.model_dump(), fingerprints, digest_of_rows(self._objects), self.bucket
        )
        if not self._retry and (last := unchanged_record(self.dataset, decided_by)):
            return self._keep(last, started)
        self.dataset.store.remove_temporary()
        packed = packed_sources(self.dataset)
        slices = self._divide(packed["key"])
        ingested = self.engine.run(self._specs.ingest, self._objects, slices.of_keys(self._objects["key"]))
        videos = ingested.primary
        slice_of = slices.of_sources(videos, packed)
        self._find_identical(ingested)
        identical = self.dataset.read_table(VIDEO_DUPLICATES_FILE, DUPLICATES)
        sources = _usable(videos, identical)
        runs = self._look(sources, slice_of)
        splits, embeddings = runs["split"], runs["embed"]
        scores = {name: runs[spec.name] for name, spec in self._specs.scores.items()}
        self._select(ingested, splits, scores, embeddings)
        self._plan_spans(splits)
        self._caption(runs, slice_of, self._encode_ahead(sources, slice_of))
        self._pack(ingested, splits, scores, slice_of)
        self._write_ledger(ingested, splits)
        self.complaints = verify_new(self.engine)
        inputs = {
            "videos": len(videos) + len(self.vanished),
            "clips": _count(splits, "clips"),
            "stills": _count(splits, "stills"),
            "samples": self._spans,
        }
        self._settle({**runs, "ingest": ingested})
        record = make_record(self.bucket, self.config, self.engine.records, inputs, started)
        self._introduce()
        record = record if self.complaints else marked(self.dataset, record, decided_by)
        self.dataset.write_record(record)
        return record

    def _keep(self, last: Mapping[str, Any], started: float) -> dict[str, Any]:
        """The record of a run that leaves everything as the `last` one did."""
        self.unchanged = True
        self.engine.keep(last["stages"])
        self._said = {"summarise": CompleteSlices.read(self.dataset, self._specs.summarise).run(self.dataset)}
        record = make_record(self.bucket, self.config, self.engine.records, last["inputs"], started)
        record = with_mark_of(record, last)
        self.dataset.write_record(record)
        return record

    def example_captions(self, count: int = 3) -> pa.Table:
        """Some good captions of the run, spread evenly over the dataset (CAPTIONS)."""
        from pipeline.dataset.query import querying

        summarised = self._said["summarise"]
        with querying(self.dataset.store) as connection:
            captions = summarised.relation(connection, summarised.spec.outputs[0]).filter("status = 'ok'")
            good = captions.project("sample_id").order("sample_id")
            rows = count_of(good)
            places = sorted({(2 * place + 1) * rows // (2 * count) for place in range(count)}) if rows else []
            chosen = [good.limit(1, place).fetchall()[0][0] for place in places]
            names = connection.from_arrow(pa.table({"sample_id": pa.array(chosen, pa.string())}))
            examples = captions.join(names, "sample_id", how="semi").project(", ".join(CAPTIONS.names))
            return examples.order("sample_id").to_arrow_table().cast(CAPTIONS.schema)

    def _write_ledger(self, ingested: StageRun, splits: StageRun) -> None:
        from pipeline.dataset.query import querying

        captioned, summarised = self._said["caption"], self._said["summarise"]
        with querying(self.dataset.store) as connection:
            planned = self.dataset.relation(connection, SPANS_FILE, SAMPLE_SPANS)
            tables = RunTables(
                videos=ingested.relation(connection, ingested.spec.outputs[0]),
                identical=self.dataset.relation(connection, VIDEO_DUPLICATES_FILE, DUPLICATES),
                splits=splits.relation(connection, splits.spec.outputs[0]),
                clips=splits.relation(connection, splits.spec.outputs[1]),
                selection=self.dataset.relation(connection, SELECTION_FILE, SELECTION),
                planned=planned,
                failures=caption_failures(
                    planned,
                    captioned.relation(connection, captioned.spec.outputs[0], ["still_id", *STATUS]),
                    summarised.relation(connection, summarised.spec.outputs[0], ["sample_id", *STATUS]),
                ),
                samples=self.dataset.relation(connection, INDEX, SAMPLES),
                vanished=connection.from_arrow(pa.Table.from_pylist(self.vanished, schema=VANISHED)),
            )
            whole, ledger = build_ledger(connection, tables, self.config)
            self._states = {key: rows for key, (rows, _) in count_states(whole).items()}
            self.engine.table("ledger", LEDGER, LEDGER_FILE, ledger)

    def _introduce(self) -> None:
        """Write what other readers of the dataset want to know beforehand."""
        from pipeline.dataset.query import querying

        outputs = (*self._specs.encode.outputs, *self._specs.pack.outputs, *VERIFIED_OUTPUTS, *SLICES_OUTPUTS)
        passing = {output.folder for output in outputs}
        tables = {name: fingerprint for name, fingerprint in self.engine.tables.items() if name not in passing}
        with querying(self.dataset.store) as connection:
            samples = self.dataset.relation(connection, INDEX, SAMPLES)
            write_card(self.dataset, self.config, tables, samples, self._states)
            write_energon(self.dataset, samples)

    def _divide(self, packed: pa.ChunkedArray) -> Slices:
        """The slices of all sources, `packed` ones too; brings a dataset of an earlier version into today's layout."""
        store, size = self.dataset.store, self.config.engine.videos_per_slice
        if is_former(self.dataset):
            migrate(self.dataset, self._specs.split.outputs[-1])
            known = Slices.assigned(store, pa.chunked_array([former_keys(self.dataset)]), size)
            divide_plans(self.dataset, known)
        keys = pa.chunked_array([*self._objects["key"].chunks, *packed.chunks], pa.string())
        return Slices.assigned(store, keys, size)

    def _settle(self, runs: Mapping[str, StageRun]) -> None:
        """Make one file of the part files of each slice, and mark what is complete."""
        gathered = gather_slices(self.engine, {**runs, **self._said})
        self.engine.mark_complete(gathered)
        self._said = gathered

    def _look(self, sources: pa.Table, slice_of: SliceOf) -> dict[str, StageRun]:
        """Split, embed, label and score: one stream, in which each group of sources flows through all stages."""
        listed = sources["video_id"]
        slices = plan_slices(
            self.dataset,
            "groups/videos",
            self._specs.ingest.fingerprint,
            listed,
            slice_of(listed),
            self.config.split.videos_per_part,
        )
        given = {SOURCES: SlicedRows(sources, "video_id", slice_of(listed))}
        return self.engine.stream(steps_before_selection(self._specs), slices, given, {})

    def _find_identical(self, ingested: StageRun) -> None:
        from pipeline.dataset.query import batches, querying

        columns = ["video_id", "key", "bytes", "identity", "status"]
        with querying(self.dataset.store) as connection:
            identical = find_identical(ingested.relation(connection, ingested.spec.outputs[0], columns))
            self.engine.table("identical", DUPLICATES, VIDEO_DUPLICATES_FILE, batches(identical))

    def _select(
        self,
        ingested: StageRun,
        splits: StageRun,
        scores: Mapping[str, StageRun],
        embeddings: StageRun,
    ) -> None:
        from pipeline.dataset.query import querying

        name = f"{self._specs.embed.fingerprint}-{self._specs.split.fingerprint}"
        with FeatureFiles(self.dataset.store, name) as files, querying(self.dataset.store) as connection:
            looks = Looks(
                connection=connection,
                clips=splits.relation(connection, splits.spec.outputs[1]),
                stills=splits.relation(connection, splits.spec.outputs[2], ["still_id", "clip_id", "hash"]),
                embedded=embeddings.relation(connection, embeddings.spec.outputs[0], ["still_id", "clip_id", "status"]),
            )
            gather_features(files, looks, lambda parts: _vectors(embeddings, parts))

            def find(rows: "Relation") -> pa.Table:
                wanted = rows.project(", ".join(WANTED.names)).to_arrow_table().cast(WANTED)
                return find_copies(wanted, files, self.config.duplicates, Progress())

            rows = with_bitrate(
                splits.relation(connection, splits.spec.outputs[1]),
                ingested.relation(connection, ingested.spec.outputs[0], ["video_id", "bytes", "duration"]),
            )
            tables = self._score_tables(connection, scores)
            columns = dict.fromkeys([*columns_of_rules(rules_of(self.config)), *COPY_COLUMNS])
            measured = measured_clips(rows, tables, list(columns))
            selection, copies = select(connection, measured, self.config, find)
            self.engine.table("duplicates", DUPLICATES, DUPLICATES_FILE, copies)
            self.engine.table("select", SELECTION, SELECTION_FILE, selection)

    def _score_tables(self, connection: "Connection", scores: Mapping[str, StageRun]) -> list[ScoreTable]:
        measures = measures_of(self.config.score)
        return [
            ScoreTable(run.relation(connection, run.spec.outputs[0]), measures[name]) for name, run in scores.items()
        ]

    def _plan_spans(self, splits: StageRun) -> None:
        from pipeline.dataset.query import batches, querying

        short = ShortSamples()
        store = self.dataset.store
        with querying(store, SORTING_GIGABYTES) as first, querying(store, SORTING_GIGABYTES) as second:
            clips, stills = (
                streams_of(
                    splits.relation(connection, splits.spec.outputs[1], CLIP_COLUMNS),
                    splits.relation(connection, splits.spec.outputs[2], STILLS_READ),
                    self.dataset.relation(connection, SELECTION_FILE, SELECTION, ["clip_id", "state"]),
                )[place]
                for place, connection in enumerate((first, second))
            )
            planned = plan_spans(batches(clips), batches(stills), self.config, short)
            self.engine.table("spans", SAMPLE_SPANS, SPANS_FILE, planned)
        self._spans = short.samples
        if note := short.note(self.config.split.still_seconds):
            Progress().note(note)

    def _encode_ahead(self, sources: pa.Table, slice_of: SliceOf) -> Ahead:
        packed = packed_samples(self.dataset)
        return encode_ahead(
            self._specs.encode,
            SlicedRows(sources, "video_id", slice_of(sources["video_id"])),
            SlicedRows(packed, "sample_id", slice_of(packed["sample_id"])),
        )

    def _caption(self, looked: Mapping[str, StageRun], slice_of: SliceOf, ahead: Ahead) -> None:
        """Caption every still of a sample, and every sample; encode those that are done while others are captioned."""
        spans = self.dataset.read_table(SPANS_FILE, SAMPLE_SPANS)
        clips = pc.unique(spans["clip_id"]).sort()
        slices = plan_slices(
            self.dataset,
            "groups/clips",
            self._specs.split.fingerprint,
            clips,
            slice_of(clips),
            self.config.summarise.clips_per_part,
        )
        # The summariser is given camera and motion, unless the captioner `facts` states them per still already.
        measured = self.config.caption.captioner not in CAPTIONERS
        steps = steps_after_selection(self._specs, self.config.caption.max_overview_stills, measured)
        given = {SPANS: SlicedRows(spans, "sample_id", slice_of(spans["sample_id"]))}
        self._said = self.engine.stream(steps, slices, given, looked, ahead)

    def _pack(self, ingested: StageRun, splits: StageRun, scores: Mapping[str, StageRun], slice_of: SliceOf) -> None:
        from pipeline.dataset.query import querying

        specs, split = self._specs, self._specs.split.fingerprint
        upstream = {spec.name: spec.fingerprint for spec in (specs.ingest, specs.split)}
        packing = Packing(self.engine, self.config.pack, specs.encode, specs.pack, upstream, slice_of)
        captioned, summarised = self._said["caption"], self._said["summarise"]
        with querying(self.dataset.store) as connection:
            tables = DescribedTables(
                spans=self.dataset.relation(connection, SPANS_FILE, SAMPLE_SPANS),
                clips=splits.relation(connection, splits.spec.outputs[1]),
                scores=self._score_tables(connection, scores),
                videos=ingested.relation(connection, ingested.spec.outputs[0], VIDEO_COLUMNS),
                frames=captioned.relation(connection, captioned.spec.outputs[0], FRAME_COLUMNS),
                captions=summarised.relation(connection, summarised.spec.outputs[0]),
            )
            described = described_samples(connection, tables, self.config)
            inputs = inputs_of_samples(connection, tables, self.config, [specs.encode.fingerprint, split])

            def plan(samples: pa.Table) -> pa.Table:
                return plan_samples(with_texts(samples, split), self.config, specs.encode.fingerprint)

            packing.run(connection, find_digests(connection, self.dataset, described, inputs, plan))


def _count(run: StageRun, folder: str) -> int:
    """The rows of one of a stage's tables."""
    from pipeline.dataset.query import querying

    (output,) = (output for output in run.spec.outputs if output.folder == folder)
    with querying(run.dataset.store) as connection:
        return count_of(run.relation(connection, output, [output.contract.key]))


def _vectors(embeddings: StageRun, parts: Collection[str]) -> Iterator[pa.Table]:
    """The embeddings of these part files, one by one: those of all stills need not fit in memory."""
    columns = ["still_id", "clip_id", "status", "vector"]
    spec = embeddings.spec
    for part, keys in embeddings.served.items():
        if embeddings.dataset.part_key(spec.outputs[0], spec.fingerprint, part) in parts:
            yield embeddings.dataset.read_parts(spec.outputs[0], spec.fingerprint, {part: keys}, columns)


def _usable(videos: pa.Table, identical: pa.Table) -> pa.Table:
    ok = pc.equal(videos["status"], "ok")
    copy = pc.is_in(videos["video_id"], value_set=identical["id"].combine_chunks())
    return videos.filter(pc.and_(ok, pc.invert(copy))).sort_by("video_id")

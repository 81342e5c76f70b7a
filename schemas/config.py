"""The run configuration: one typed YAML file, every field documented, unknown keys refused with the nearest name.

    profile: embedded            # the defaults of a named set of models; see `schemas.profiles`
    select:
      rules: ["aesthetic >= 4.5", "motion >= 0.5"]

`--set section.field=value` changes one field from the command line; `just curate --show-config` prints the result.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from schemas.bucket import BUCKET_SETS, Bucket
from schemas.errors import ConfigError
from schemas.limits import Limits
from schemas.model_config import ModelConfig
from schemas.nearest import did_you_mean
from schemas.rule_sets import open_rules


class Section(BaseModel):
    """A section of the configuration: immutable, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _rule(text: str) -> str:
    open_rules(text)
    return text.strip()


def _bucket_or_set(text: str) -> str:
    if text in BUCKET_SETS:
        return text
    if "x" in text and text[0].isdigit():
        return str(Bucket.parse(text))
    raise ConfigError(f"{text!r} is neither a bucket nor a named set; {did_you_mean(text, BUCKET_SETS)}")


RuleText = Annotated[str, AfterValidator(_rule)]
BucketText = Annotated[str, AfterValidator(_bucket_or_set)]


class EngineConfig(Section):
    """Where and how the stages run. These settings change no result, so none is part of a fingerprint."""

    ray_address: str | None = None
    """Address of an existing Ray cluster (`auto`, `ray://host:10001`); null starts Ray on this machine."""
    environment: list[str] = []
    """Names of environment variables whose values the workers of a cluster get from this machine, in memory only: keys
    of stores and endpoints. Workers on this machine have them anyway."""
    node_seconds: float = Field(default=25.0, gt=0)
    """How long a node of a cluster may take to answer the checks before the first row."""
    workers: int = Field(default=0, ge=0)
    """Processes of a CPU stage; 0 = as many as its CPUs allow."""
    videos_per_slice: int = Field(default=1000, ge=1)
    """Sources whose rows are kept in one file per table (docs/datasets.md). Sources keep the slice that they have."""
    max_attempts: int = Field(default=3, ge=1)
    """Attempts per row if the failure may be temporary (input/output, time-outs). Bad media fails at once."""
    max_failures_in_a_row: int = Field(default=50, ge=1)
    """A stage stops after this many consecutive unexpected failures. Bad media does not count."""
    max_worker_deaths: int = Field(default=2, ge=1)
    """How often a worker process may die on the same part before the part's rows are recorded as failed."""


class IngestConfig(Section):
    """Which objects of the bucket are read."""

    limit: int = Field(default=0, ge=0)
    """Read only the first N objects in key order; 0 = all."""
    exclude: list[str] = []
    """Glob patterns over keys (`*.txt`, `drafts/*`) that are left out of the listing."""
    max_vanished_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the known sources that may be missing from a later run's listing; more need `--confirm-vanished`."""
    videos_per_part: int = Field(default=16, ge=1)
    """Objects per part file."""


SPLIT_PRESETS = {"balanced": 1.0, "strict": 1 / 3, "lenient": 3.0}
"""The factor on a boundary's odds, by preset."""


class SplitConfig(Section):
    """How videos become clips."""

    min_seconds: float = Field(default=2.0, ge=0.5)
    """Shorter shots give no clip."""
    max_seconds: float = Field(default=20.0, gt=0)
    """Longer shots are divided evenly; nothing is lost."""
    detector: str = "fused"
    """Shot detector: `fused` combines TransNetV2 and cheap signals in a head; `transnet` is the network alone,
    `adaptive` needs no network."""
    preset: Literal["balanced", "strict", "lenient"] = "balanced"
    """How uncertain boundaries are treated: `strict` cuts from a third of the odds that the two probabilities below
    stand for, which mixes fewer shots and loses more video; `lenient` from three times; see docs/stages.md."""
    cut_probability: float = Field(default=0.5, gt=0, lt=1)
    """Probability from which a frame begins a new shot."""
    mixed_probability: float = Field(default=0.2, gt=0, lt=1)
    """Probability from which frames show two shots (`fused`): low, as impure clips cost more than lost ones."""
    trim_frames: int = Field(default=0, ge=0, le=30)
    """Frames removed on either side of every boundary: for videos whose cuts leave a trace of the other shot."""
    sure_probability: float = Field(default=0.9, gt=0, le=1)
    """A less probable boundary is uncertain: the stills on its two sides are compared, ..."""
    rejoin_similarity: float = Field(default=0.85, gt=0, le=1)
    """... and it is dropped if their embeddings reach this cosine."""
    network_precision: Literal["auto", "float32", "bfloat16"] = "float32"
    """Precision of the network. bfloat16 takes less than half the time on processors with AMX or AVX512-BF16, but moves
    a boundary here and there (the demo has a clip less); `auto`, bfloat16 where there is AMX, varies by machine."""
    still_seconds: float = Field(default=2.0, gt=0)
    """Seconds between stills; at least three per clip. A sample is captioned from the stills inside its span, so use a
    smaller number for buckets much shorter than this."""
    still_short_side: int = Field(default=512, ge=64)
    """Short side of a still in pixels, at most."""
    videos_per_part: int = Field(default=1, ge=1)
    """Videos per part file: at most so many are decoded again per worker after a kill."""

    def thresholds(self) -> tuple[float, float]:
        """(`cut_probability`, `mixed_probability`) with the preset's factor applied to their odds."""
        odds = SPLIT_PRESETS[self.preset]
        cut, mixed = (
            value * odds / (1 - value + value * odds) for value in (self.cut_probability, self.mixed_probability)
        )
        return cut, mixed

    @field_validator("max_seconds")
    @classmethod
    def _divisible(cls, value: float, info: ValidationInfo) -> float:
        minimum = info.data.get("min_seconds", 0)
        if value < 2 * minimum:
            raise ConfigError(f"must be at least twice min_seconds = {minimum:g}, or halves of long shots are lost")
        return value


class ScoreConfig(Section):
    """Which models score the stills."""

    embedder: str = "efficientnet_lite0"
    """Image embedder; its vectors are the input of labels, heads and the duplicate search."""
    embedder_weights: str = ""
    """Folder or file of the embedder's weights, for embedders whose weights are in no package."""
    labeller: str = "imagenet"
    """Labels on the embedder's vectors, for the `facts` captioner; empty for none."""
    scorers: list[str] = ["aesthetic_ridge", "text_area", "single_shot"]
    """Scorers; each writes its own part files, so a new one recomputes nothing else."""
    head_weights: str = ""
    """File of the aesthetic head's weights, for heads that the project does not include."""
    heads: list[str] = []
    """Files of heads written by `just teach`; each fills a column of its name, which rules can use."""
    clips_per_part: int = Field(default=8, ge=1)
    """Clips per part file."""


class DuplicateConfig(Section):
    """When two clips count as the same."""

    min_similarity: float = Field(default=0.97, gt=0, le=1)
    """Cosine of the mean still embeddings from which the worse of two clips is a duplicate."""
    max_hash_distance: float = Field(default=5.0, ge=0, le=64)
    """Mean differing bits of their stills' 64-bit hashes up to which two clips are duplicates, ..."""
    min_hash_similarity: float = Field(default=0.75, gt=0, le=1)
    """... if their embeddings reach this cosine: flat images have equal hashes but different embeddings."""


class SelectConfig(Section):
    """Which clips may ship. The scores of every clip are kept, so a changed rule recomputes no score."""

    rules: list[RuleText] = []
    """Each is `column comparison value`, `column in top 20%` (`bottom`, `middle`; of all measured clips), or the name
    of a rule set: `cogvideox`, `open_sora`, `movie_gen`, `permissive`. A clip is dropped by the first that it fails."""


class CaptionConfig(Section):
    """How stills, and samples as a whole, are captioned."""

    captioner: str = "facts"
    """Backend: `facts` (sentences from measured facts), `transformers`, `vllm` or `openai` (a vision model)."""
    model: ModelConfig = ModelConfig()
    """The vision model, for backends that take one."""
    prompt: str = ""
    """The prompt for a still (for `facts`: its sentence template); empty = the backend's own."""
    overview_prompt: str = ""
    """The prompt for the short caption of a sample from all its stills at once; empty = the backend's own."""
    max_overview_stills: int = Field(default=8, ge=0)
    """Stills for the short caption of a sample, evenly spaced; 0 = no short caption. `facts` makes none."""
    max_attempts: int = Field(default=3, ge=1)
    """Attempts per still if an answer is cut off, a refusal, in a loop or in another language. With `vllm` each attempt
    starts the engine again."""
    stills_per_part: int = Field(default=64, ge=1)
    """Stills per part file."""


class SummariseConfig(Section):
    """How a sample's frame captions become one caption."""

    summariser: str = "smollm"
    """Backend: `smollm` (packaged), `transformers`, `vllm`, `openai` (any instruct model), or `join` (no model)."""
    model: ModelConfig = ModelConfig(max_new_tokens=120)
    """The language model, for backends that take one."""
    form: Literal["prose", "structured"] = "prose"
    """The format of the answer: `prose`, one paragraph after worked examples (small models), or `structured`, JSON with
    three lengths and fields (models of 3 billion parameters or more)."""
    prompt: str = ""
    """The instruction; empty = the form's own."""
    max_attempts: int = Field(default=3, ge=1)
    """Attempts per sample if an answer is cut off, a refusal, in a loop, too long or not in English."""
    fallback: Literal["join", "none"] = "join"
    """If no answer is accepted: `join` uses the joined frame captions; with `none` the sample fails."""
    tokenizer: str = ""
    """Folder of the trainer's tokenizer; empty = a packaged one whose count is an estimate of T5's."""
    token_budget: int = Field(default=226, ge=16)
    """Tokens that the trainer's text encoder reads (CogVideoX: 226; 1.5: 224). No caption is longer."""
    clips_per_part: int = Field(default=16, ge=1)
    """Samples per part file."""


class PackConfig(Section):
    """How kept clips become shards."""

    buckets: list[BucketText] = ["first-stage"]
    """Named sets (`cogvideox`, `cogvideox-1.5`, `first-stage`) and single buckets (`384x256x49@8`)."""
    allow_upscale: bool = False
    """Whether a clip smaller than a bucket may be upscaled to fit."""
    max_samples_per_clip: int = Field(default=4, ge=1)
    """A long clip gives up to this many samples."""
    validation_share: float = Field(default=0.1, ge=0, lt=1)
    """Share of sources for validation, chosen by a hash of the source's key: a growing dataset moves none."""
    seed: int = 0
    """Seed of the shuffle across sources."""
    samples_per_shard: int = Field(default=256, ge=1)
    """Maximum number of samples per shard."""
    max_shard_megabytes: int = Field(default=512, ge=1)
    """Maximum size of a shard; a single larger sample gets a shard of its own."""
    crf: int = Field(default=18, ge=0, le=51)
    """x264's constant rate factor; lower means better quality and larger files."""
    preset: str = "medium"
    """x264's preset."""


class ReportConfig(Section):
    """The gates of the caption report. A run does not use them, so a change recomputes nothing."""

    gates: list[str] = [
        "empty <= 0",
        "error <= 0",
        "refusal <= 0",
        "markup <= 0",
        "thinking <= 0",
        "loop <= 0.01",
        "truncated <= 0.02",
        "repeated <= 0.02",
    ]
    """Bounds on the report's measures (docs/quality.md lists them); `just report` exits with 1 if one is broken."""


class RunConfig(Section):
    """The whole configuration of a curation run."""

    profile: Literal["embedded", "gpu", "cluster"] = "embedded"
    """Named set of models and sizes that gives the defaults."""
    engine: EngineConfig = EngineConfig()
    limits: Limits = Limits()
    ingest: IngestConfig = IngestConfig()
    split: SplitConfig = SplitConfig()
    score: ScoreConfig = ScoreConfig()
    duplicates: DuplicateConfig = DuplicateConfig()
    select: SelectConfig = SelectConfig()
    caption: CaptionConfig = CaptionConfig()
    summarise: SummariseConfig = SummariseConfig()
    pack: PackConfig = PackConfig()
    report: ReportConfig = ReportConfig()

    def buckets(self) -> tuple[Bucket, ...]:
        """The training buckets that `pack.buckets` names, without duplicates."""
        buckets = [bucket for text in self.pack.buckets for bucket in BUCKET_SETS.get(text) or (Bucket.parse(text),)]
        return tuple(dict.fromkeys(buckets))

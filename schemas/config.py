"""The run configuration: one typed YAML file, every field documented, unknown keys refused with the nearest name.

    profile: embedded            # the defaults of a named set of models; see `schemas.profiles`
    select:
      rules: ["aesthetic >= 4.5", "motion >= 0.5"]

`--set section.field=value` changes one field from the command line; `just curate --show-config` prints what results.
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
    """A part of the configuration: frozen, and strict about names."""

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
    """Where and how the stages run. Nothing here changes a result, so nothing here is part of a fingerprint."""

    ray_address: str | None = None
    """Address of an existing Ray cluster (`auto`, `ray://host:10001`); null starts Ray on this machine."""
    workers: int = Field(default=0, ge=0)
    """Processes of a CPU stage; 0 = as many as its CPUs allow."""
    max_attempts: int = Field(default=3, ge=1)
    """How often a row is tried when the failure may pass (input/output, time-outs). Bad media fails at once."""
    max_failures_in_a_row: int = Field(default=50, ge=1)
    """A stage stops after this many unexpected failures without a success between them. Bad media does not count."""
    max_worker_deaths: int = Field(default=2, ge=1)
    """How often a worker process may die on the same part before the part's rows are recorded as failed."""


class IngestConfig(Section):
    """Which objects of the bucket are looked at."""

    limit: int = Field(default=0, ge=0)
    """Look at the first N objects in key order only; 0 = all."""
    exclude: list[str] = []
    """Glob patterns over keys (`*.txt`, `drafts/*`) that are left out of the listing."""
    max_vanished_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the known sources that may be missing from the listing of a further run; more need a confirmation."""
    videos_per_part: int = Field(default=16, ge=1)
    """Objects per part file."""


SPLIT_PRESETS = {"balanced": 1.0, "strict": 1 / 3, "lenient": 3.0}
"""How many times the odds that a boundary must have, by the preset."""


class SplitConfig(Section):
    """How videos become clips."""

    min_seconds: float = Field(default=2.0, ge=0.5)
    """Shots that are shorter give no clip."""
    max_seconds: float = Field(default=20.0, gt=0)
    """Longer shots are divided evenly; nothing is lost."""
    detector: str = "fused"
    """Shot detector: `fused` is TransNetV2 and cheap signals, weighed by a head; `transnet` is the network
    alone, `adaptive` needs none."""
    preset: Literal["balanced", "strict", "lenient"] = "balanced"
    """How doubtful boundaries are taken: `strict` asks for a third of the odds that the two probabilities below stand
    for, which mixes fewer shots and loses more footage; `lenient` for three times; docs/stages.md has what it costs."""
    cut_probability: float = Field(default=0.5, gt=0, lt=1)
    """Probability from which a frame begins a new shot."""
    mixed_probability: float = Field(default=0.2, gt=0, lt=1)
    """Probability from which frames show two shots (`fused`): low, as impure clips cost more than lost ones."""
    trim_frames: int = Field(default=0, ge=0, le=30)
    """Frames left off on either side of every boundary: for films whose cuts leave a trace of the other shot."""
    sure_probability: float = Field(default=0.9, gt=0, le=1)
    """A boundary that is less probable is doubtful: its two sides are compared, ..."""
    rejoin_similarity: float = Field(default=0.85, gt=0, le=1)
    """... and it falls if the embeddings of the stills next to it reach this cosine."""
    network_precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Numbers of the network; `auto` is bfloat16 where the processor has AMX (answers differ by about 0.001)."""
    still_seconds: float = Field(default=2.0, gt=0)
    """One still every so many seconds, and at least three per clip. A sample is captioned from those inside its span:
    buckets much shorter than this want a smaller number."""
    still_short_side: int = Field(default=512, ge=64)
    """Short side of a still in pixels, at most."""
    videos_per_part: int = Field(default=1, ge=1)
    """Videos per part file: what a killed run decodes again at the most, per worker."""

    def thresholds(self) -> tuple[float, float]:
        """`cut_probability` and `mixed_probability` as the preset changes them."""
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
    """Which models look at the stills."""

    embedder: str = "efficientnet_lite0"
    """Image embedder; its vectors feed the labels, the heads and the duplicate search."""
    embedder_weights: str = ""
    """Folder or file of the embedder's weights, for embedders whose weights no package carries."""
    labeller: str = "imagenet"
    """Labels on the embedder's vectors, for the `facts` captioner; empty for none."""
    scorers: list[str] = ["aesthetic_ridge", "text_area", "single_shot"]
    """Scorers; each writes its own part files, so a new one recomputes nothing else."""
    head_weights: str = ""
    """File of the aesthetic head's weights, for heads that the project does not carry."""
    heads: list[str] = []
    """Files of heads that `just teach` wrote; each fills a column of its name, which rules can use."""
    clips_per_part: int = Field(default=8, ge=1)
    """Clips per part file."""


class DuplicateConfig(Section):
    """When two clips count as the same."""

    min_similarity: float = Field(default=0.97, gt=0, le=1)
    """Cosine of the mean still embeddings from which the worse of two clips is a duplicate."""
    max_hash_distance: float = Field(default=5.0, ge=0, le=64)
    """Mean differing bits of their stills' 64-bit hashes up to which two clips are duplicates, ..."""
    min_hash_similarity: float = Field(default=0.75, gt=0, le=1)
    """... if their embeddings agree to this cosine: flat pictures have equal hashes and unlike embeddings."""


class SelectConfig(Section):
    """What may ship. Scores of every clip are kept, so a changed rule recomputes no score."""

    rules: list[RuleText] = []
    """Each is `column comparison value`, `column in top 20%` (`bottom`, `middle`; of all measured clips), or the name
    of a rule set: `cogvideox`, `open_sora`, `movie_gen`, `permissive`. A clip is dropped by the first that it fails."""


class CaptionConfig(Section):
    """Who says what is on a still, and on a sample as a whole."""

    captioner: str = "facts"
    """Backend: `facts` (sentences from measured facts), `transformers`, `vllm` or `openai` (a vision model)."""
    model: ModelConfig = ModelConfig()
    """The vision model, for backends that take one."""
    prompt: str = ""
    """The prompt for a still (for `facts`: its sentence template); empty = the backend's own."""
    overview_prompt: str = ""
    """The prompt for the short caption of a sample from all its stills at once; empty = the backend's own."""
    max_overview_stills: int = Field(default=8, ge=0)
    """Stills that the short caption of a sample is made from, evenly spaced; 0 = none is made. `facts` makes none."""
    max_attempts: int = Field(default=3, ge=1)
    """How often a still is asked for when an answer is cut off, refused, in a loop or in another language. With `vllm`
    each attempt starts the engine once more."""
    stills_per_part: int = Field(default=64, ge=1)
    """Stills per part file."""


class SummariseConfig(Section):
    """Who makes one caption of a sample's frame captions, and in what form."""

    summariser: str = "smollm"
    """Backend: `smollm` (packaged), `transformers`, `vllm`, `openai` (any instruct model), or `join` (no model)."""
    model: ModelConfig = ModelConfig(max_new_tokens=120)
    """The language model, for backends that take one."""
    form: Literal["prose", "structured"] = "prose"
    """What the model writes: `prose`, one paragraph from worked examples (small models), or `structured`, JSON with
    three lengths and fields (models of 3 billion weights or more)."""
    prompt: str = ""
    """The instruction; empty = the form's own."""
    max_attempts: int = Field(default=3, ge=1)
    """How often a sample is asked for when an answer is cut off, refused, in a loop, too long or not in English."""
    fallback: Literal["join", "none"] = "join"
    """What stands where no answer will do: `join`, the joined frame captions; `none`, nothing: the sample fails."""
    tokenizer: str = ""
    """Folder of the trainer's tokenizer; empty = a packaged one whose count is an estimate of T5's."""
    token_budget: int = Field(default=226, ge=16)
    """Tokens that the trainer's text encoder reads (CogVideoX: 226; 1.5: 224). No caption is longer."""
    clips_per_part: int = Field(default=16, ge=1)
    """Samples of clips per part file."""


class PackConfig(Section):
    """How kept clips become shards."""

    buckets: list[BucketText] = ["first-stage"]
    """Named sets (`cogvideox`, `cogvideox-1.5`, `first-stage`) and single buckets (`384x256x49@8`)."""
    allow_upscale: bool = False
    """Whether a clip smaller than a bucket may be enlarged to fit."""
    max_samples_per_clip: int = Field(default=4, ge=1)
    """A long clip gives up to this many samples."""
    validation_share: float = Field(default=0.1, ge=0, lt=1)
    """Share of sources that go to validation, told by a hash of the source's key: growth never moves one."""
    seed: int = 0
    """Seed of the shuffle across sources."""
    samples_per_shard: int = Field(default=256, ge=1)
    """Samples per shard at the most."""
    max_shard_megabytes: int = Field(default=512, ge=1)
    """Size of a shard at the most; a single larger sample still gets a shard of its own."""
    crf: int = Field(default=18, ge=0, le=51)
    """x264's constant rate factor; lower is better and larger."""
    preset: str = "medium"
    """x264's preset."""


class ReportConfig(Section):
    """What the caption report holds a dataset to. Nothing here is computed in a run, so nothing runs again."""

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
    """Bounds on the report's measures (docs/quality.md lists them); `just report` exits with 1 if one does not hold."""


class RunConfig(Section):
    """Everything that one curation run is told."""

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
        """The training buckets that `pack.buckets` names, without repeats."""
        buckets = [bucket for text in self.pack.buckets for bucket in BUCKET_SETS.get(text) or (Bucket.parse(text),)]
        return tuple(dict.fromkeys(buckets))

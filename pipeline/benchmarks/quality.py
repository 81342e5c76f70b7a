"""`just bench quality`: detection rate of the caption checks on planted faults, and their rate of false alarms.

Text faults are planted in synthetic captions (with a vocabulary and sentence templates that no threshold was tuned on;
`--half tuning` is the half used for tuning). Swapped frame captions are planted among real stills: of videos in a
folder (`--videos`) with the embedded models' labels and vectors, or else of a few photographs of scikit-image.

    just bench quality                                                        # photographs only
    just bench quality --videos ../shared/data/videos --described ../shared/data/descriptions.tsv --record
"""

import csv
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from captioning.quality.corpus import Corpus
from captioning.quality.evidence import TextVectors
from captioning.quality.records import CaptionRecord
from captioning.quality.registry import CHECKS
from captioning.quality.sentence_model import SentenceModel
from pipeline.benchmarks.planted.detection import Detection, count, detections, wilson
from pipeline.benchmarks.planted.faults import make_rows, qualifying, swap_frames
from pipeline.benchmarks.planted.stills import from_images, from_videos, photographs, seen, with_human_descriptions
from pipeline.benchmarks.record import markdown_table, record
from schemas.command import make_parser
from schemas.terminal import print_table

PLANTINGS = 5
_RECORDS = TypeAdapter(list[CaptionRecord])
_HEADINGS = ("planted fault", "check", "found (95 %)", "false alarms on untouched rows (95 %)")
_TARGETS = """\
Aims: swapped, repeated, truncated and boilerplate 0.95 found at 0.02 false alarms; invented objects 0.8
found. Two things were chosen after numbers of these rows had been seen: what a missed swap costs beside a
false alarm (2), and that `the figure` and `the corner` are no inventions. Sources of the made clips hardly
share content, so swaps among them are easier to see than in a dataset of one kind of scene."""


def main() -> None:
    """Entry point."""
    parser = make_parser("bench quality", "Measure how well the caption checks detect planted faults.")
    parser.add_argument("--half", choices=("held out", "tuning"), default="held out", help="half of the vocabulary")
    parser.add_argument("--rows", type=int, default=1000, help="synthetic clips (default: 1000)")
    parser.add_argument("--per-fault", type=int, default=60, help="rows with each fault (default: 60)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--videos", type=Path, help="folder of videos for the real stills (default: photographs)")
    parser.add_argument(
        "--described", type=Path, help="table `path<tab>description` of human descriptions of the files"
    )
    parser.add_argument(
        "--seen", type=Path, help="file that caches the results on the stills (minutes of network time)"
    )
    parser.add_argument("--no-embedder", action="store_true", help="words only, without the sentence embedder")
    parser.add_argument("--record", action="store_true", help="write the tables to docs/benchmarks.md")
    parsed = parser.parse_args()
    parts = [_TARGETS, text_faults(parsed.half, parsed.rows, parsed.seed, parsed.per_fault, None)]
    if not parsed.no_embedder:
        parts.append(text_faults(parsed.half, parsed.rows, parsed.seed, parsed.per_fault, SentenceModel()))
    descriptions = _descriptions(parsed.described) if parsed.described else {}
    records = stills_of(parsed.videos, sorted(descriptions), parsed.seen)
    parts.append(swapped_frames(records, descriptions, parsed.seed, parsed.per_fault))
    if parsed.record:
        command = "just bench quality " + " ".join(sys.argv[1:])
        record("quality", "Caption measures against planted faults", parts, command)


def text_faults(half: str, rows: int, seed: int, per_fault: int, embed: TextVectors | None) -> str:
    """Plant every text fault in synthetic captions and count the detections."""
    samples = make_rows(half, rows, seed, per_fault=per_fault)
    results = detections(samples, Corpus.of([sample.record for sample in samples], embed=embed))
    share = qualifying([sample.record for sample in samples], random.Random(seed))  # noqa: S311
    means = "by words and the packaged sentence embedder" if embed else "by words alone"
    title = f"Made captions, {half} vocabulary, {means}"
    summary = (
        f"{rows} made clips (frame captions by a generator, clip captions a summary with other words "
        f"for one in five, or "
        f"the joined frame captions), {per_fault} with each fault, no two in one row. Two clips of "
        f"one content could be "
        f"swapped unseen, so swaps are between sources whose frame captions share less than half their content words: "
        f"{share:.0%} of the pairs."
    )
    return _table(title, summary, results)


def swapped_frames(records: Sequence[CaptionRecord], descriptions: Mapping[str, str], seed: int, per_fault: int) -> str:
    """Swap frame captions among real stills and count the detections, over five plantings."""
    kinds = {"by the embedded captioner": list(records)}
    if described := with_human_descriptions(records, descriptions):
        kinds["by a person"] = described
    results, notes = [], []
    for origin, clips in kinds.items():
        share = qualifying(clips, random.Random(seed))  # noqa: S311
        results.append(judged_frames(f"frame captions {origin} swapped", clips, seed, min(per_fault, len(clips) // 7)))
        notes.append(f"{origin}: {len(clips)} clips, {share:.0%} of the pairs of sources are of different content")
    text = (
        f"Real stills of {len({record.source for record in records})} videos or photographs (each clip also mirrored, "
        "paler and brighter, always cropped), with labels, vectors and colours as measured. Captions "
        + "; ".join(notes)
        + ". "
        f"{PLANTINGS} plantings, pooled, by words alone. Copies of one clip help: other datasets have other clips of a "
        "source, but few so alike. A person's caption is one per video, so it stands on all clips of the video."
    )
    return _table("Real stills: are frame captions on the right images?", text, results)


def judged_frames(fault: str, records: Sequence[CaptionRecord], seed: int, planted: int) -> Detection:
    """The detections of the check `swapped_frames` over all plantings."""
    rounds = []
    for planting in range(PLANTINGS):
        swapped, ids = swap_frames(records, planted, random.Random(seed + planting))  # noqa: S311
        untouched = {record.sample_id for record in swapped} - ids
        rounds.append(count(fault, "swapped_frames", ids, untouched, CHECKS["swapped_frames"].run(Corpus.of(swapped))))
    sums = {
        name: sum(getattr(result, name) for result in rounds) for name in ("found", "planted", "false", "untouched")
    }
    return Detection(fault=fault, check="swapped_frames", **sums)


def stills_of(videos: Path | None, names: Sequence[str], kept: Path | None) -> list[CaptionRecord]:
    """Records of the real stills; from the file `kept` if it exists, else computed and stored there."""
    if kept and kept.is_file():
        return _RECORDS.validate_json(kept.read_bytes())
    records = seen(from_videos(videos, names or _files(videos)) if videos else from_images(photographs()))
    if kept:
        kept.write_bytes(_RECORDS.dump_json(records))
    return records


def _descriptions(file: Path) -> dict[str, str]:
    with file.open(newline="") as lines:
        return {row["path"]: row["description"] for row in csv.DictReader(lines, delimiter="\t")}


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _table(title: str, summary: str, results: Sequence[Detection]) -> str:
    rows = [(row.fault, row.check, _share(row.found, row.planted), _share(row.false, row.untouched)) for row in results]
    print_table(title, _HEADINGS, rows)
    return f"### {title}\n\n{summary}\n\n{markdown_table(_HEADINGS, rows)}"


def _share(hits: int, of: int) -> str:
    low, high = wilson(hits, of)
    return f"{hits}/{of} = {hits / max(1, of):.3f} ({low:.3f}-{high:.3f})"


if __name__ == "__main__":
    main()

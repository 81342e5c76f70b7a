"""One caption on many clips, verbatim or nearly so: the fault of a summariser that ignores its input.

Near-duplicates are found by MinHash over runs of three words and confirmed by the exact share of common runs. Clips
that look alike to the captioner (similar frame captions) may have similar captions and are no finding.

    groups = repeats(corpus.captioned)
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from datasketch import MinHash, MinHashLSH

from captioning.quality.check import Check, CheckResult, fault
from captioning.quality.clip import Clip, runs
from captioning.quality.corpus import Corpus

RUN = 3
# Share of common runs of three words (Jaccard) from which two captions are near-duplicates, and hashes per caption.
NEAR, PERMUTATIONS = 0.7, 64
# Share of common content words (Jaccard) from which two clips' frame captions count as showing the same.
SAME_FRAMES = 0.6


def _check(corpus: Corpus) -> Mapping[str, CheckResult]:
    groups = repeats(corpus.captioned)
    others = {clip.key: group for group in groups for clip in group}
    return {
        clip.key: fault(
            f"{len(others[clip.key]) - 1} other samples with other frame captions have this caption"
            if clip.key in others
            else ""
        )
        for clip in corpus.captioned
    }


def repeats(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Groups of clips that share (nearly) one caption although their frame captions differ, largest group first."""
    parent = {clip.key: clip.key for clip in clips}
    named = {clip.key: clip for clip in clips}
    guilty: set[str] = set()

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for first, second in _pairs(clips):
        if not _show_the_same(named[first], named[second]):
            guilty |= {first, second}
            parent[root(second)] = root(first)
    groups: dict[str, list[Clip]] = defaultdict(list)
    for key in guilty:
        groups[root(key)].append(named[key])
    ordered = [sorted(group, key=lambda clip: clip.key) for group in groups.values()]
    return sorted(ordered, key=lambda group: (-len(group), group[0].key))


def _pairs(clips: Sequence[Clip]) -> Iterator[tuple[str, str]]:
    """Pairs of sample ids whose captions are near-duplicates."""
    shingles = {clip.key: _shingles(clip) for clip in clips}
    # Equal captions are grouped first; in a group only the first 50 are paired with all that follow, to bound the work.
    equal: dict[frozenset[str], list[str]] = defaultdict(list)
    for key, shingle_set in shingles.items():
        equal[shingle_set].append(key)
    index = MinHashLSH(threshold=NEAR, num_perm=PERMUTATIONS)
    for shingle_set, keys in equal.items():
        yield from ((first, second) for index, first in enumerate(keys[:50]) for second in keys[index + 1 :])
        if not shingle_set:
            continue
        hashes = MinHash(num_perm=PERMUTATIONS, seed=1)
        hashes.update_batch([run.encode() for run in sorted(shingle_set)])
        for near in index.query(hashes):
            if len(shingle_set & shingles[near]) >= NEAR * len(shingle_set | shingles[near]):
                yield near, keys[0]
        index.insert(keys[0], hashes)


def _shingles(clip: Clip) -> frozenset[str]:
    shingles = [" ".join(run) for run in runs(clip.words, RUN)]
    return frozenset(shingles or clip.words)


def _show_the_same(first: Clip, second: Clip) -> bool:
    return _alike(set(first.evidence), set(second.evidence))


def _alike(first: set[str], second: set[str]) -> bool:
    # Without frame captions nothing justifies a repetition.
    return bool(first & second) and len(first & second) >= SAME_FRAMES * len(first | second)


CHECKS = (
    Check(
        name="repeated",
        doc="captions that (nearly) equal those of clips whose frame captions say something else",
        weight=0.8,
        run=_check,
    ),
)

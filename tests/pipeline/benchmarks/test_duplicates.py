"""The benchmark of near-duplicates: its clips have the documented properties, its tables come from real searches.

python -m pytest tests/pipeline/benchmarks/test_duplicates.py
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.benchmarks import duplicates
from pipeline.benchmarks.made_clips import SORTS, MadeClips, make_clips
from pipeline.stages.select.feature_files import FeatureFiles
from pipeline.stages.select.features import ClipFeatures
from tests.pipeline.stages.select.stored_features import empty_files, places_of


def _stored(made: MadeClips, files: FeatureFiles) -> tuple[ClipFeatures, dict[str, int]]:
    assert made.store(files, np.arange(len(made.clips))) == len(made.clips)
    return ClipFeatures(files), places_of(files)


def test_planted_clips_are_as_far_from_their_originals_as_their_sort_says(tmp_path: Path) -> None:
    made = make_clips(1000, 96, seed=3, folder=tmp_path)
    assert len(made.clips) == 1000
    with empty_files() as files:
        features, places = _stored(made, files)
        for sort, (low, high, few, many) in SORTS.items():
            copies = made.originals[sort]
            assert len(copies) == 50
            assert not set(copies.values()) & set(copies)
            pair = [np.array([places[key] for key in side]) for side in (copies, copies.values())]
            similarities = features.similarities(*pair)
            assert low - 1e-3 <= similarities.min() <= similarities.max() <= high + 1e-3
            distances = features.hash_distances(*pair)
            assert np.floor(few * 64) <= distances.min() <= distances.max() <= many * 64


def test_unrelated_clips_are_no_white_noise(tmp_path: Path) -> None:
    vectors = make_clips(2000, 1280, seed=0, folder=tmp_path).vectors[:1000].astype(np.float32)
    similarities = (vectors @ vectors.T)[np.triu_indices(1000, 1)]
    assert 0.25 < np.median(similarities) < 0.45
    assert 0.6 < np.quantile(similarities, 0.99) < 0.85


def test_the_same_seed_gives_the_same_clips(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    first, two, other = (make_clips(300, 16, seed, folder) for seed, folder in zip((1, 1, 2), folders, strict=True))
    assert first.clips.equals(two.clips)
    assert np.array_equal(first.vectors, two.vectors)
    assert np.array_equal(first.hashes, two.hashes)
    assert not np.array_equal(first.vectors, other.vectors)


def test_recall_beside_every_pair_compared(tmp_path: Path) -> None:
    ((_, headings, rows),) = duplicates.measure_recall(make_clips(3000, 128, seed=0, folder=tmp_path), tmp_path)
    vectors, hashes = (dict(zip(headings, row, strict=True)) for row in rows)
    assert int(str(vectors["pairs"])) > 100
    assert int(str(hashes["pairs"])) > 100
    assert float(str(vectors["recall"])) >= 0.99
    assert float(str(hashes["recall"])) == 1.0


def test_the_command_prints_and_records_its_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recorded = []
    monkeypatch.setattr(duplicates, "BESIDE_EXACT", 1000)
    monkeypatch.setattr(duplicates, "record", lambda *what: recorded.append(what))
    monkeypatch.setattr(sys, "argv", ["duplicates", "--vectors", "2000", "--width", "64", "--record"])
    duplicates.main()
    shown = capsys.readouterr()
    assert "peak MB" in shown.out
    assert "by embedding" in shown.out
    assert all(len(line) <= 120 for line in shown.out.splitlines())
    assert "2,000 clips: pairs" in shown.out
    assert "20 more: pairs" in shown.out
    ((name, _, parts, command),) = recorded
    assert name == "duplicates"
    assert "--vectors 2000 --width 64" in command
    lines = "\n".join(parts).splitlines()
    assert "| by embedding | 0.972 to 0.999 | 8 to 26 | 101 | 101 |" in lines
    assert "| by hash | 0.76 to 0.96 | 0 to 6 | 101 | 101 |" in lines
    assert "| near miss | 0.8 to 0.968 | 6 to 19 | 101 | 0 |" in lines

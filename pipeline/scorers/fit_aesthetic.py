"""Fit the embedded profile's aesthetic head: ridge regression from EfficientNet-lite0 vectors to ratings of frames.

The head goes into the tree with what it was made of and how well it does on files that it did not see: folds are
grouped by file (frames of one file are nearly equal, so a random split would flatter), and the alpha of each fold is
chosen without it. Of the features tried (raw, of length 1, standardised, square root, PCA to 32..128) the plain vectors
of length 1 did best.

    python -m pipeline.scorers.fit_aesthetic <ratings.csv> <video folder> [--out head.safetensors]

The CSV has the columns `file` (below the folder), `seconds` (after the file's first frame) and `mean_rating` (1 to 10).
"""

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.media.decode import Decoder, TimedFrame
from pipeline.media.encode import encode_jpeg
from pipeline.media.picture import Geometry, PictureMaker
from pipeline.media.probe import probe
from pipeline.scorers.aesthetic import RIDGE_HEAD
from pipeline.scorers.base import unit_length
from pipeline.scorers.efficientnet import EfficientNetLite0
from schemas.errors import InputError, MediaError

STILL_SHORT_SIDE = 512
# Ratings are given to the tenth of a millisecond, presentation times are fractions.
TIME_TOLERANCE = 0.001
ALPHAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
FOLDS = 10
# What the packaged head learned from.
ORIGIN = "ratings that the model NIMA-MobileNet gave the frames (1 to 10, AVA style), not ratings by people"


def read_ratings(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Return file -> its (seconds, mean rating) in time order. Raises `InputError` if the CSV lacks a column."""
    ratings: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    with path.open(newline="") as lines:
        rows = csv.DictReader(lines)
        missing = {"file", "seconds", "mean_rating"} - set(rows.fieldnames or ())
        if missing:
            raise InputError(f"ratings {path.name} lack the columns {', '.join(sorted(missing))}; add them")
        for row in rows:
            ratings[row["file"]].append((float(row["seconds"]), float(row["mean_rating"])))
    return {file: sorted(rated) for file, rated in ratings.items()}


def stills_on_display(path: Path, seconds: Sequence[float]) -> Iterator[bytes]:
    """Yield a still for each of the ascending `seconds` after the first frame: the frame on display then.

    Stills are made as the pipeline makes them (upright, short side at most 512 pixels, JPEG), in one sequential pass
    that ends with the last frame that is asked for. Raises `MediaError` for a file that the pipeline would refuse.
    """
    facts = probe(str(path), path.stat().st_size)
    geometry = Geometry(facts.rotation, facts.width, facts.height)
    maker, size = PictureMaker(geometry), geometry.fitted(STILL_SHORT_SIDE)
    wanted = list(seconds)
    shown: TimedFrame | None = None
    with Decoder(str(path)) as decoder:
        for timed in decoder.frames():
            while shown is not None and wanted and timed.time - facts.start_time > wanted[0] + TIME_TOLERANCE:
                wanted.pop(0)
                yield encode_jpeg(maker.rgb(shown.frame, *size))
            if not wanted:
                return
            shown = timed
        if shown is not None:
            yield from (encode_jpeg(maker.rgb(shown.frame, *size)) for _ in wanted)


def held_out(
    features: NDArray[np.float32], ratings: NDArray[np.float64], groups: NDArray[np.str_], alpha: float | None = None
) -> NDArray[np.float64]:
    """Predict every rating [N] by a ridge that saw no frame of the same group, from features [N, D].

    Without `alpha` each fold takes the one that is best within its own training part, so that the predictions are
    free of the choice too.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GroupKFold

    predicted = np.empty_like(ratings)
    for seen, unseen in GroupKFold(min(FOLDS, len(set(groups)))).split(features, ratings, groups):
        chosen = best_alpha(features[seen], ratings[seen], groups[seen]) if alpha is None else alpha
        predicted[unseen] = Ridge(alpha=chosen).fit(features[seen], ratings[seen]).predict(features[unseen])
    return predicted


def best_alpha(features: NDArray[np.float32], ratings: NDArray[np.float64], groups: NDArray[np.str_]) -> float:
    """Return the alpha of the smallest held-out squared error, folds grouped."""
    return min(ALPHAS, key=lambda alpha: float(((held_out(features, ratings, groups, alpha) - ratings) ** 2).mean()))


def quality(predicted: NDArray[np.float64], ratings: NDArray[np.float64]) -> dict[str, str]:
    """Return Pearson's and Spearman's correlation and R2 (share of the variance explained), as text."""
    from scipy.stats import pearsonr, spearmanr

    explained = 1 - ((predicted - ratings) ** 2).mean() / ratings.var()
    return {
        "held_out_pearson": f"{pearsonr(predicted, ratings).statistic:.3f}",
        "held_out_spearman": f"{spearmanr(predicted, ratings).statistic:.3f}",
        "held_out_r2": f"{explained:.3f}",
    }


def fit(
    features: NDArray[np.float32], ratings: NDArray[np.float64], groups: NDArray[np.str_], origin: str, out: Path
) -> Mapping[str, str]:
    """Fit on all frames, write the head (weights [D], bias [1], float32) to `out`; return what it says of itself."""
    from safetensors.numpy import save_file
    from sklearn.linear_model import Ridge

    alpha = best_alpha(features, ratings, groups)
    ridge = Ridge(alpha=alpha).fit(features, ratings)
    weights = {"weights": np.asarray(ridge.coef_, np.float32), "bias": np.asarray([ridge.intercept_], np.float32)}
    facts = {
        "embedder": EfficientNetLite0.model,
        "features": "the embedder's vectors, scaled to length 1",
        "ratings": origin,
        "frames": str(len(ratings)),
        "files": str(len(set(groups))),
        "rating_range": f"{ratings.min():.2f} to {ratings.max():.2f}, mean {ratings.mean():.2f}",
        "alpha": f"{alpha:.4g}",
        "validation": f"{FOLDS} folds grouped by file, alpha chosen inside each",
        **quality(held_out(features, ratings, groups), ratings),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, out, metadata=facts)
    return facts


def main() -> None:
    """Decode, embed, fit, write and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ratings", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--out", type=Path, default=RIDGE_HEAD)
    parser.add_argument("--origin", default=ORIGIN, help="who gave the ratings; stands in the head's provenance")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    embedder = EfficientNetLite0(threads=options.threads)
    vectors: list[NDArray[np.float32]] = []
    ratings: list[float] = []
    groups: list[str] = []
    for file, rated in read_ratings(options.ratings).items():
        try:
            stills = list(stills_on_display(options.videos / file, [seconds for seconds, _ in rated]))
        except MediaError as error:
            print(f"{file} is left out, as the pipeline would: {error}", file=sys.stderr)
            continue
        vectors.append(embedder.embed(stills))
        ratings += [rating for _, rating in rated]
        groups += [file] * len(rated)
    features = unit_length(np.concatenate(vectors))
    for name, fact in fit(features, np.array(ratings), np.array(groups), options.origin, options.out).items():
        print(f"{name:18} {fact}")


if __name__ == "__main__":
    main()

"""95 % bootstrap intervals of means over clips (Efron 1979): percentiles of the means of resampled clips.

For yes-or-no values resampling is a binomial draw. If no clip or every clip is a yes, resampling has no spread, and the
far end is the exact one-sided bound (1 - 0.05^(1/n), about 3/n). Clips of one source are not independent, so the
intervals of datasets with few sources are too narrow.

    mean, low, high = interval([0.0, 1.0, 1.0], seed=0)
"""

from collections.abc import Sequence

import numpy as np

DRAWS = 1000
# Above this number of values their mean is practically normal, and resampling would only cost time.
MANY = 5000
_NORMAL = 1.959964


def interval(values: Sequence[float], seed: int) -> tuple[float, float, float]:
    """(mean, low, high) with the ends of the 95 % interval; (0, 0, 0) without values."""
    if not values:
        return 0.0, 0.0, 0.0
    array = np.asarray(values, np.float64)
    mean, count = float(array.mean()), len(array)
    generator = np.random.default_rng(seed)
    if bool(np.isin(array, (0.0, 1.0)).all()):
        if mean in (0.0, 1.0):
            far = 1 - 0.05 ** (1 / count)
            return (mean, 0.0, far) if mean == 0 else (mean, 1 - far, 1.0)
        draws = generator.binomial(count, mean, DRAWS) / count
    elif count > MANY:
        margin = _NORMAL * float(array.std(ddof=1)) / count**0.5
        return mean, mean - margin, mean + margin
    else:
        draws = array[generator.integers(0, count, (DRAWS, count))].mean(axis=1)
    low, high = np.percentile(draws, (2.5, 97.5))
    return mean, min(float(low), mean), max(float(high), mean)

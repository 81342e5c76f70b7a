"""95 % intervals of means over clips, by the bootstrap (Efron 1979): the percentiles of means of clips drawn again.

For yes-or-no values drawing again is a binomial draw. Where no or every clip is a yes, drawing again never differs,
and the far end is that of the exact one-sided bound (1 - 0.05^(1/n), about 3/n). Clips of one source are not
independent, so intervals of datasets with few sources are too narrow.

    python -m pytest tests/captioning/quality/test_intervals.py
"""

from collections.abc import Sequence

import numpy as np

DRAWS = 1000
# Above this the mean of values is as good as normal, and drawing would cost more than it tells.
MANY = 5000
_NORMAL = 1.959964


def interval(values: Sequence[float], seed: int) -> tuple[float, float, float]:
    """Mean, low and high end of the 95 % interval; (0, 0, 0) of nothing."""
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

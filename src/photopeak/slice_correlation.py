"""How much less certain a mean of neighbouring slices is than one of independent slices: filters couple slices."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LAGS = 4  # slices; filters reach no further


def correlation_gain(series: Floats) -> float:
    """Standard error of the mean of `series[slice, n]` over that of independent slices, pooled over n; at least 1.

    The autocovariances up to four slices are estimated about each series' own mean, which takes the variance of that mean out of
    every one of them; it is put back.
    """
    number = len(series)
    lags = min(LAGS, number - 2)
    if lags < 1:
        return 1.0
    left = series - series.mean(axis=0)
    covariance = [float((left[: number - k] * left[k:]).sum()) / (number - k) / left.shape[1] for k in range(lags + 1)]
    if covariance[0] <= 0:
        return 1.0
    weights = [1.0] + [2 * (1 - k / number) for k in range(1, lags + 1)]
    share = 1 - sum(weights) / number
    of_mean = sum(w * c for w, c in zip(weights, covariance)) / number / max(share, 0.2)
    independent = covariance[0] * number / (number - 1) / number
    return math.sqrt(max(1.0, of_mean / independent))

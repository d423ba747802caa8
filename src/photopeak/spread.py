"""How well a standard deviation of few values, the length of a noisy vector or the largest of several noisy values is known."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
COVERED_BY_TWO = 0.9545  # of a normal variate by ± two standard deviations
GRID = 4000


@cache
def relative_uncertainty(freedom: int) -> float:
    """Standard uncertainty of a standard deviation s with that many degrees of freedom, as a share of s.

    Such that s ± 2 u holds the true value in 95.45 % of studies of normal values; 1 / sqrt(2 freedom) holds it in 90 % only where
    there are nine.
    """
    from scipy.stats import chi2

    shares = (np.arange(GRID) + 0.5) / GRID
    ratio = np.sqrt(chi2.ppf(shares, freedom) / freedom)
    return half_of_quantile(np.abs(1 - 1 / ratio).tolist())


def half_of_quantile(relative_errors: list[float]) -> float:
    """Half of what 95.45 % of these relative errors do not exceed."""
    ordered = sorted(relative_errors)
    return ordered[min(math.ceil(COVERED_BY_TWO * len(ordered)), len(ordered)) - 1] / 2


def scatter(draws: Floats) -> float:
    """Standard uncertainty of a statistic from copies of it: mean ± 2 u holds 95.45 % of them, whatever their shape."""
    return half_of_quantile(np.abs(draws - draws.mean()).tolist())


def departure_uncertainty(value: float, flat: Floats, dominated: float) -> float:
    """Standard uncertainty of the largest of several departures, however far it stands out of the noise.

    `flat`: the statistic in draws where noise makes all departures; `dominated`: its scatter where one departure is far above the
    noise. Like a length, u = s v / (v³ + c³)^⅓ with s the latter, and c such that ± 2 u holds the mean of `flat` in 95.45 %.
    """
    middle, low, high = float(flat.mean()), 1e-6, 1e6
    if dominated <= 0 or middle <= 0:
        return max(dominated, 0.0)
    for _ in range(60):
        c = math.sqrt(low * high)
        stated = dominated * flat / (flat**3 + (c * middle) ** 3) ** (1 / 3)
        inside = float(np.mean(np.abs(flat - middle) <= 2 * stated))
        low, high = (c, high) if inside > COVERED_BY_TWO else (low, c)
    return float(dominated * value / (value**3 + (low * middle) ** 3) ** (1 / 3))


def length_uncertainty(vector: Floats, covariance: Floats) -> float:
    """Standard uncertainty of the length of a noisy vector [3] with this covariance [3, 3].

    Noise lengthens a short vector, so that ± 2 u is to hold the mean of such lengths. A vector far longer than its noise has that of
    its direction, s; nearer to nothing u = s r / (r³ + (n/3)⁴ s³)^⅓, where n (1 to 3) says how many directions the noise has. Over
    any true length that holds the mean in 94.9 to 95.9 % for noise alike in all directions, in 93 to 98 % for noise twice as
    large in one.
    """
    total, squares = float(np.trace(covariance)), float((covariance**2).sum())
    length_squared = float(vector @ vector)
    if total <= 0 or length_squared <= 0:
        return 0.0
    along = math.sqrt(max(float(vector @ covariance @ vector), 0.0) / length_squared)
    typical, directions = math.sqrt(squares / total), total**2 / squares
    length = math.sqrt(length_squared)
    return float(along * length / (length**3 + (directions / 3) ** 4 * typical**3) ** (1 / 3))


def without_noise(values: Floats, noise: float, along: Floats | None = None) -> Floats:
    """Differences between values are kept, less what noise adds to them on average, where their variance stands out of the noise.

    `noise`: standard deviation of each; `along`: their correlations [value, value], where they are not independent.
    """
    count = values.size
    expected, freedom = noise**2, float(max(count - 1, 1))
    if along is not None and count > 1:
        centred = along - along.mean(axis=0) - along.mean(axis=1)[:, None] + along.mean()
        expected *= float(np.trace(centred)) / (count - 1)
        freedom = float(np.trace(centred)) ** 2 / max(float((centred**2).sum()), 1e-12)
    centre = float(values.mean())
    spread = float(values.var(ddof=1)) if count > 1 else 0.0
    share = math.sqrt(1 - expected / spread) if spread > expected * (1 + 2 * math.sqrt(2 / freedom)) else 0.0
    found: Floats = centre + share * (values - centre)
    return found

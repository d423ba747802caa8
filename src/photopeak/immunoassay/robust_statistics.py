"""Robust location and spread of many columns at once, missing values left out (ISO 13528:2022, Annex C).

Every function takes `values[result, column]` with NaN for what is missing and gives one number a column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

Floats = npt.NDArray[np.float64]

MAD_TO_SD = 1.483
IQR_TO_SD = 0.7413
WINSOR_SD = 1.5  # standard deviations at which algorithm A pulls results in
WINSOR_FACTOR = 1.134  # restores the spread that this takes away, as printed in C.3.1
MEDIAN_EFFICIENCY = 1.25  # u of a robust mean is this many s / sqrt(p), 7.7.3
PRINTED_FACTORS = {1: (1.645, 1.097), 2: (1.517, 1.054), 3: (1.444, 1.039), 4: (1.395, 1.032), 5: (1.359, 1.027)}
PRINTED_FACTORS |= {6: (1.332, 1.024), 7: (1.310, 1.021), 8: (1.292, 1.019), 9: (1.277, 1.018), 10: (1.264, 1.017)}
CONVERGED = 1e-12
MOST_ITERATIONS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Results sorted within each column, missing ones last: `ordered[result, column]`, `count[column]`."""

    ordered: Floats
    count: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Location and standard deviation of each column, NaN where there are too few results; `count` of results used."""

    location: Floats
    spread: Floats
    count: npt.NDArray[np.intp]

    @property
    def u_location(self) -> Floats:
        """Standard uncertainty of a robust location, 1.25 s / sqrt(p)."""
        return MEDIAN_EFFICIENCY * self.spread / np.sqrt(np.maximum(self.count, 1))


def columns_of(values: npt.ArrayLike) -> Columns:
    """Sort once; a single list of results becomes one column."""
    matrix = np.asarray(values, dtype=np.float64)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    ordered = np.sort(matrix, axis=0)
    return Columns(ordered=ordered, count=np.count_nonzero(~np.isnan(matrix), axis=0))


def quantile(columns: Columns, share: float) -> Floats:
    """Quantile by linear interpolation between order statistics (type 7)."""
    place = share * (columns.count - 1)
    low = np.floor(np.maximum(place, 0)).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(columns.count - 1, 0))
    each = np.arange(columns.ordered.shape[1])
    below, above = columns.ordered[low, each], columns.ordered[high, each]
    between: Floats = below + (place - low) * (above - below)
    return between


def median(columns: Columns) -> Floats:
    return quantile(columns, 0.5)


def median_deviation(columns: Columns) -> Floats:
    """MADe: 1.483 times the median distance from the median (C.2.2)."""
    distance = columns_of(np.abs(columns.ordered - median(columns)))
    return MAD_TO_SD * median(distance)


def interquartile_deviation(columns: Columns) -> Floats:
    """nIQR: 0.7413 times the distance of the quartiles (C.2.3)."""
    return IQR_TO_SD * (quantile(columns, 0.75) - quantile(columns, 0.25))


def mean(columns: Columns) -> Floats:
    total: Floats = np.nansum(columns.ordered, axis=0) / np.maximum(columns.count, 1)
    return np.where(columns.count > 0, total, np.nan)


def standard_deviation(columns: Columns) -> Floats:
    squares = np.nansum((columns.ordered - mean(columns)) ** 2, axis=0)
    return np.where(columns.count > 1, np.sqrt(squares / np.maximum(columns.count - 1, 1)), np.nan)


def algorithm_a(columns: Columns) -> Estimate:
    """Robust mean and standard deviation, iterated to a fixed point (C.3.1).

    Where more than half of the results are equal, the iteration starts from the standard deviation instead of MADe.
    """
    centre, spread = median(columns), median_deviation(columns)
    spread = np.where(spread > 0, spread, standard_deviation(columns))
    enough = columns.count > 1
    known, freedom = np.maximum(columns.count, 1), np.maximum(columns.count - 1, 1)
    open_columns = np.flatnonzero(enough & (spread > 0))
    for _ in range(MOST_ITERATIONS):
        if not open_columns.size:
            break
        x, s, some = centre[open_columns], spread[open_columns], columns.ordered[:, open_columns]
        pulled = np.clip(some, x - WINSOR_SD * s, x + WINSOR_SD * s)
        new_x = np.nansum(pulled, axis=0) / known[open_columns]
        new_s = WINSOR_FACTOR * np.sqrt(np.nansum((pulled - new_x) ** 2, axis=0) / freedom[open_columns])
        centre[open_columns], spread[open_columns] = new_x, new_s
        moved = np.maximum(np.abs(new_x - x), np.abs(new_s - s)) > CONVERGED * np.maximum(np.abs(s), 1e-300)
        open_columns = open_columns[moved & (new_s > 0)]
    return Estimate(location=centre, spread=np.where(enough, spread, np.nan), count=columns.count)


def algorithm_s(deviations: npt.ArrayLike, freedom: int) -> Floats:
    """Pooled within-laboratory standard deviation from `deviations[laboratory, column]`, each of `freedom` degrees (C.4)."""
    columns = columns_of(deviations)
    edge, factor = _limit_and_factor(freedom)
    pooled = median(columns)
    known = np.maximum(columns.count, 1)
    for _ in range(MOST_ITERATIONS):
        pulled = np.minimum(columns.ordered, edge * pooled)
        following = factor * np.sqrt(np.nansum(pulled**2, axis=0) / known)
        still = np.all(np.abs(following - pooled) <= CONVERGED * np.abs(pooled))
        pooled = following
        if still:
            break
    return pooled


def _limit_and_factor(freedom: int) -> tuple[float, float]:
    """eta and xi as the table of C.4 prints them; beyond its end from the chi-square distribution that they come from."""
    if freedom in PRINTED_FACTORS:
        return PRINTED_FACTORS[freedom]
    limit = float(scipy.stats.chi2.ppf(0.9, freedom))
    inside = float(scipy.stats.chi2.cdf(limit, freedom + 2)) + 0.1 * limit / freedom
    return round(float(np.sqrt(limit / freedom)), 3), round(1 / float(np.sqrt(inside)), 3)


def hampel(columns: Columns, spread: Floats) -> Floats:
    """Hampel's estimate of the mean for a given robust `spread`, the root nearest the median, found without iteration (C.5.3)."""
    middle = median(columns)
    found = middle.copy()
    for n in range(columns.ordered.shape[1]):
        if columns.count[n] > 1 and np.isfinite(spread[n]) and spread[n] > 0:
            found[n] = _hampel_root(columns.ordered[: columns.count[n], n], float(spread[n]), float(middle[n]))
    return found


_KNOTS = np.array([-4.5, -3.0, -1.5, 1.5, 3.0, 4.5])
_BENDS = np.array([-1.0, 1.0, 1.0, -1.0, -1.0, 1.0])


def _hampel_root(ordered: Floats, spread: float, middle: float) -> float:
    """The sum of the influence functions is piecewise linear: its value at every knot gives all its roots."""
    results = (ordered - middle) / spread
    knots = (results[:, None] + _KNOTS).ravel()
    order = np.argsort(knots, kind="stable")
    knots, slope = knots[order], np.cumsum(np.tile(_BENDS, len(results))[order])
    width = np.diff(knots)
    height = np.concatenate([[0.0], np.cumsum(slope[:-1] * width)])
    rounding = 1e-9 * len(results)
    before, after = height[:-1], height[1:]
    crossing = (before <= rounding) & (after >= -rounding) & (slope[:-1] > 0)
    at = np.flatnonzero(crossing)
    roots = knots[at] - before[at] / slope[:-1][at]
    level = np.flatnonzero(
        (np.abs(before) <= rounding) & (np.abs(after) <= rounding) & (np.abs(slope[:-1]) < 0.5) & (width > 0)
    )
    inside = level[(knots[level] > results[0]) & (knots[level] < results[-1])]
    roots = np.concatenate([roots, np.clip(0.0, knots[inside], knots[inside + 1])])
    if not roots.size:
        return middle
    nearest = float(roots[np.argmin(np.abs(roots))])
    return middle + spread * _polished(results, nearest)


def _polished(results: Floats, root: float) -> float:
    """One exact step on the linear piece that holds `root`, so that accumulated rounding does not remain."""
    distance = root - results
    size = np.abs(distance)
    influence = np.sign(distance) * np.clip(np.minimum(np.minimum(size, 1.5), 4.5 - size), 0.0, None)
    slope = np.count_nonzero(size < 1.5) - np.count_nonzero((size > 3.0) & (size < 4.5))
    return root - float(influence.sum()) / slope if slope > 0 else root

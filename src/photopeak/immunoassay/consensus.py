"""What a group of results amounts to: estimators by name, and how many results allow which score.

ISO 13528:2022 (7.7, 9.2, 9.5): the uncertainty of a consensus is 1.25 s* / sqrt(p). It is negligible below 0.3 sigma_pt, which for
sigma_pt = s* needs p >= 18; below that z' takes it into account, and below 12 results it is so large that only a fixed allowable error
is used; below 5 there is no consensus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.immunoassay import robust_statistics as robust
from photopeak.immunoassay.pairwise_spread import q_method, qn
from photopeak.immunoassay.robust_statistics import Columns, Estimate, columns_of

Floats = npt.NDArray[np.float64]

ESTIMATORS = ("algorithm_a", "q_hampel", "qn", "made", "niqr", "median", "mean")
FEWEST_FOR_CONSENSUS = 5
FEWEST_FOR_Z_PRIME = 12
NEGLIGIBLE = 0.3  # of sigma_pt
NEGLIGIBLE_OF_ERROR = 0.1  # of the allowable error
FAR = 4.5  # robust standard deviations: so far off that a result is named


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """Location, spread and standard uncertainty of one group of results."""

    estimator: str
    location: float
    spread: float
    u: float
    count: int


def estimate(columns: Columns, estimator: str) -> Estimate:
    """Every column by one estimator; the median is paired with nIQR, Qn with Hampel's mean."""
    if estimator == "algorithm_a":
        return robust.algorithm_a(columns)
    if estimator in ("q_hampel", "qn"):
        spread = q_method(columns) if estimator == "q_hampel" else qn(columns)
        return Estimate(location=robust.hampel(columns, spread), spread=spread, count=columns.count)
    if estimator == "mean":
        return Estimate(location=robust.mean(columns), spread=robust.standard_deviation(columns), count=columns.count)
    if estimator in ("median", "niqr"):
        spread = robust.interquartile_deviation(columns)
    elif estimator == "made":
        spread = robust.median_deviation(columns)
    else:
        raise ValueError(f"{estimator} is not an estimator; there are {', '.join(ESTIMATORS)}")
    return Estimate(location=robust.median(columns), spread=spread, count=columns.count)


def u_of(found: Estimate, estimator: str) -> Floats:
    return found.spread / np.sqrt(np.maximum(found.count, 1)) if estimator == "mean" else found.u_location


def consensus(values: npt.ArrayLike, estimator: str) -> Consensus | None:
    """One list of results; None where they are too few for the estimator."""
    columns = columns_of(values)
    found = estimate(columns, estimator)
    location, spread = float(found.location[0]), float(found.spread[0])
    if not (np.isfinite(location) and np.isfinite(spread)):
        return None
    return Consensus(
        estimator=estimator,
        location=location,
        spread=spread,
        u=float(u_of(found, estimator)[0]),
        count=int(columns.count[0]),
    )


def score_kind(count: int, u: float, sigma: float, fewest: int = FEWEST_FOR_CONSENSUS) -> str:
    """Which score a consensus of `count` results allows: "none", "fixed" (only a fixed allowable error), "z_prime" or "z"."""
    if count < fewest:
        return "none"
    if count < FEWEST_FOR_Z_PRIME:
        return "fixed"
    return "z" if u < NEGLIGIBLE * sigma else "z_prime"


def far_off(values: Floats) -> npt.NDArray[np.bool_]:
    """Which results lie so far from the others that they are named: beyond 4.5 MADe of the median, spread or no spread."""
    middle = float(np.median(values))
    distance = np.abs(values - middle)
    reach = 1.483 * float(np.median(distance))
    return distance > max(FAR * reach, 1e-9 * abs(middle))

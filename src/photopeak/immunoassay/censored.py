"""Location and spread where some results are only known to lie below or above a limit (ISO 13528:2022, E.1 shows the variants).

Tobit: maximum likelihood of a normal distribution (of the logarithms, on a log scale), Olsen's parameters, Newton steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

Floats = npt.NDArray[np.float64]

FAR = 4.5  #: robust standard deviations beyond which a result is left out of the likelihood (Hampel's outer limit)
FEWEST_EXACT = 5  #: exact results that a limit must contradict to be left out
MOST_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Tobit:
    """Maximum-likelihood location and spread, standard uncertainty of the location, number of far results left out."""

    location: float
    spread: float
    u_location: float
    left_out: int


def variant(values: Floats, signs: npt.NDArray[np.str_], how: str) -> Floats:
    """The simple substitutes: "delete" drops a censored result, "ignore" takes its limit, "half" half of it (for ">": its limit)."""
    limited = signs != ""
    if how == "delete":
        return np.where(limited, np.nan, values)
    return np.where((signs == "<") & (how == "half"), values / 2, values)


def tobit(values: Floats, signs: npt.NDArray[np.str_]) -> Tobit | None:
    """`values[result]` with `signs` "", "<" or ">"; None where fewer than two results are known exactly or all are equal."""
    known = signs == ""
    middle, reach = _middle_and_reach(values)
    far = known & (np.abs(values - middle) > FAR * reach)
    if np.count_nonzero(known) >= FEWEST_EXACT:
        # a limit on the wrong side of all others ("<0.5" where they report 5) would drag the fit as a far result does
        middle, reach = _middle_and_reach(values[known])
        away = values - middle
        far |= ((signs == "<") & (away < -FAR * reach)) | ((signs == ">") & (away > FAR * reach))
    values, signs, known = values[~far], signs[~far], known[~far]
    if np.count_nonzero(known) < 2 or np.ptp(values[known]) == 0:
        return None
    shift, scale = float(values[known].mean()), float(values[known].std(ddof=1))
    y = (values - shift) / scale
    found = _olsen(y[known], y[signs == "<"], y[signs == ">"])
    if found is None:
        return None
    (ratio, inverse), covariance = found
    # location = ratio / inverse, so d location = (d ratio - location d inverse) / inverse
    location = ratio / inverse
    slope = np.array([1.0, -location]) / inverse
    variance = float(slope @ covariance @ slope)
    return Tobit(
        location=shift + scale * location,
        spread=scale / inverse,
        u_location=scale * float(np.sqrt(variance)),
        left_out=int(np.count_nonzero(far)),
    )


def _middle_and_reach(values: Floats) -> tuple[float, float]:
    """Median and MADe; the standard deviation where more than half are equal."""
    middle = float(np.median(values))
    return middle, 1.483 * float(np.median(np.abs(values - middle))) or float(np.std(values))


def _olsen(exact: Floats, below: Floats, above: Floats) -> tuple[tuple[float, float], Floats] | None:
    """Parameters (mean / sd, 1 / sd), in which the likelihood is concave, and their covariance."""
    ratio, inverse = 0.0, 1.0
    for _ in range(MOST_STEPS):
        gradient, curvature = _derivatives(exact, below, above, ratio, inverse)
        step = np.linalg.solve(curvature, gradient)
        shrink = 1.0
        while inverse - shrink * step[1] <= 0:
            shrink /= 2
        ratio, inverse = ratio - shrink * float(step[0]), inverse - shrink * float(step[1])
        if float(np.max(np.abs(step))) < 1e-12 * max(1.0, abs(ratio), inverse):
            covariance: Floats = -np.linalg.inv(_derivatives(exact, below, above, ratio, inverse)[1]).astype(np.float64)
            return (ratio, inverse), covariance
    return None


def _derivatives(exact: Floats, below: Floats, above: Floats, ratio: float, inverse: float) -> tuple[Floats, Floats]:
    residual = inverse * exact - ratio
    gradient = np.array([residual.sum(), len(exact) / inverse - (residual * exact).sum()])
    curvature = np.array(
        [[-float(len(exact)), exact.sum()], [exact.sum(), -len(exact) / inverse**2 - (exact**2).sum()]], dtype=np.float64
    )
    for limit, direction in ((below, 1.0), (above, -1.0)):
        u = direction * (inverse * limit - ratio)
        hazard = np.exp(-0.5 * u**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(u))
        bend = -hazard * (u + hazard)
        gradient += np.array([-(direction * hazard).sum(), (direction * hazard * limit).sum()])
        cross = -(bend * limit).sum()
        curvature += np.array([[bend.sum(), cross], [cross, (bend * limit**2).sum()]])
    return gradient, curvature

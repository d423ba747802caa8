"""How the variance of a response depends on the response: what each tube weighs in a curve fit.

Rodbard D, Clin Chem 1976; 22: 350: the variance of single tubes grows with the response, and the replicates of standards and
unknowns together tell how. Either the function is declared (constant + linear y + quadratic y^2), or it is a power of the response
whose exponent is estimated from the pooled replicates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
EXPONENTS = np.arange(0.0, 2.51, 0.05)
FEWEST_FREEDOM = 6  #: degrees of freedom that the pooled replicates need before they tell how the variance grows
LEAST_SHARE = 1e-3  #: of the largest response: below it the variance is taken as there


@dataclass(frozen=True, slots=True, kw_only=True)
class Variance:
    """var(y) = constant + linear y + quadratic y^2, or level |y|^exponent.

    `absolute`: the numbers are the variance itself; otherwise only the proportions hold and the residuals give the scale.
    """

    constant: float = 0.0
    linear: float = 0.0
    quadratic: float = 0.0
    exponent: float | None = None
    level: float = 1.0
    least: float = 0.0  #: responses below this are treated as this one in a power function
    moment: float | None = None  #: of an estimated exponent: sum of degrees of freedom times (ln response - their mean)^2
    absolute: bool = False

    def of(self, response: npt.ArrayLike) -> Floats:
        """Variance[...] of single tubes at response[...] (gross, as counted)."""
        y = np.asarray(response, dtype=np.float64)
        if self.exponent is not None:
            return np.asarray(self.level * np.maximum(np.abs(y), self.least) ** self.exponent, dtype=np.float64)
        found = self.constant + self.linear * np.maximum(y, 0.0) + self.quadratic * y * y
        return np.asarray(np.maximum(found, np.finfo(float).tiny), dtype=np.float64)

    def freedom_at(self, response: float, scaled_at: float, freedom: int) -> float:
        """Degrees of freedom that a variance at `response` is worth, where its scale has `freedom` of them, from tubes whose mean
        ln response is `scaled_at`.

        An exponent that was estimated makes the variance less certain the further the response is from there: the variance of its
        logarithm grows by 2 (ln y - scaled_at)^2 / moment (Fisher information of the exponent) beside the scale's 2 / freedom.
        """
        known = max(freedom, 1)
        if self.moment is None:
            return known
        away = math.log(max(abs(response), self.least)) - scaled_at
        return 1 / (1 / known + away**2 / self.moment)

    @property
    def uniform(self) -> bool:
        return self.exponent in (None, 0.0) and self.linear == 0 and self.quadratic == 0


EQUAL = Variance(constant=1.0)
#: counted tubes: 30 counts of the counter's own, Poisson counting, 1.5 % of pipetting
COUNTED = Variance(constant=900.0, linear=1.0, quadratic=0.015**2, absolute=True)


def pooled_replicates(groups: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """Mean, variance and degrees of freedom [group] of those groups of tubes that hold more than one."""
    repeated = [np.asarray(group) for group in groups if len(group) > 1]
    means = np.array([group.mean() for group in repeated])
    variances = np.array([group.var(ddof=1) for group in repeated])
    return means, variances, np.array([len(group) - 1.0 for group in repeated])


def estimated_variance(groups: Sequence[Floats]) -> Variance | None:
    """The power of the response by maximum likelihood from pooled replicates; None where they are too few or do not differ."""
    means, variances, freedom = pooled_replicates(groups)
    if freedom.sum() < FEWEST_FREEDOM or not np.any(variances > 0):
        return None
    least = LEAST_SHARE * float(np.abs(means).max())
    logs = np.log(np.maximum(np.abs(means), least))
    powers = np.exp(np.outer(EXPONENTS, logs))
    levels = (freedom * variances / powers).sum(axis=1) / freedom.sum()
    likelihood = -0.5 * (freedom.sum() * np.log(levels) + (np.outer(EXPONENTS, logs) * freedom).sum(axis=1))
    best, centre = int(np.argmax(likelihood)), float(freedom @ logs / freedom.sum())
    moment = float(freedom @ (logs - centre) ** 2)
    if moment <= 0:
        return None
    return Variance(exponent=float(EXPONENTS[best]), level=float(levels[best]), least=least, moment=moment)


def unequal_scatter(groups: Sequence[Floats]) -> float:
    """Probability (likelihood ratio, chi-square of one degree) that equal scatter explains the replicates as well as a power."""
    import scipy

    means, variances, freedom = pooled_replicates(groups)
    found = estimated_variance(groups)
    if found is None or found.exponent is None or not np.any(means):
        return 1.0
    logs = np.log(np.maximum(np.abs(means), found.least))

    def likelihood(exponent: float) -> float:
        level = float((freedom * variances / np.exp(exponent * logs)).sum() / freedom.sum())
        return -0.5 * float(freedom.sum() * np.log(level) + (exponent * logs * freedom).sum())

    return float(scipy.stats.chi2.sf(2 * (likelihood(found.exponent) - likelihood(0.0)), 1))

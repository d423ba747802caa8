"""A fitted standard curve in use: doses with their confidence intervals, detection limit, precision profile.

The interval of a dose is found where the measured response and the curve cannot be told apart at 95 % (inverse prediction): the
curve's covariance and the variance of the replicates together, scaled by the residuals of this assay, with Student's t for their
degrees of freedom. Straume M, Clin Chem 1998; 44: 116. The standard uncertainty is half of that interval's half width, so that k = 2
states the same 95 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy

from photopeak.immunoassay.curve_fit import Fit, slopes_at
from photopeak.immunoassay.curve_models import Curve
from photopeak.immunoassay.variance import Variance

Floats = npt.NDArray[np.float64]
DoseScale = Literal["linear", "ln", "log10"]
POINTS = 1200
LEAST_SPREAD = 1e-9  #: of ln dose: arithmetic, where the tubes lie exactly on the curve
BEYOND = math.log(30.0)  #: how far beyond the standards an interval is followed
CONTRADICTED = 0.01  #: probability of the residuals below which a declared variance is no longer believed


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedDose:
    """A dose as ln x with its standard uncertainty and 95 % interval; None where the curve gives no bound."""

    ln_dose: float
    u_ln: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True, kw_only=True)
class StandardCurve:
    """The fit, what was subtracted (`background`, the mean of the non-specific tubes), and how single tubes scatter."""

    fit: Fit
    background: float
    variance: Variance
    lowest: float  #: lowest and highest dose of a standard above zero
    highest: float
    zero_response: float | None  #: mean gross response of the zero standard
    scaled_at: float = 0.0  #: mean ln gross response of the standards, whose residuals give the scale of a relative variance

    @property
    def curve(self) -> Curve:
        return self.fit.curve

    @cached_property
    def believed(self) -> bool:
        """Whether the residuals allow a declared variance (not above it, 1 %); a relative one is always scaled."""
        if not self.variance.absolute or self.fit.freedom < 1:
            return self.variance.absolute
        return bool(self.fit.chi_square <= scipy.stats.chi2.isf(CONTRADICTED, self.fit.freedom))

    @property
    def tube_scale(self) -> float:
        """Factor on the variance function that gives the variance of a tube."""
        return 1.0 if self.believed else self.fit.scatter

    def quantile(self, gross: float) -> float:
        """Student's t for a variance at this response; wider where the variance function itself was estimated elsewhere."""
        return float(scipy.stats.t.ppf(0.975, self.variance.freedom_at(gross, self.scaled_at, self.fit.freedom)))

    @cached_property
    def _band(self) -> tuple[Floats, Floats, Floats]:
        at = np.linspace(math.log(self.lowest) - BEYOND, math.log(self.highest) + BEYOND, POINTS)
        doses = np.exp(at)
        return at, self.curve.response(doses), slopes_at(self.fit, doses)[0]

    def tube_variance(self, gross: npt.ArrayLike) -> Floats:
        return self.variance.of(gross) * self.tube_scale

    def dose(self, gross: float, tubes: int) -> FittedDose | None:
        """The dose of a mean gross response of `tubes` tubes; None at or beyond the curve's asymptotes."""
        net = gross - self.background
        found = float(self.curve.dose(net))
        if not (math.isfinite(found) and found > 0):
            return None
        own = float(self.variance.of(gross)) / tubes
        of_curve, slope = slopes_at(self.fit, found)
        spread = max(math.sqrt(self.fit.scatter * (own + float(of_curve))) / abs(float(slope)), LEAST_SPREAD)
        quantile = self.quantile(gross)
        reach = quantile * spread
        at, fitted, band = self._band
        if reach < 4 * (at[1] - at[0]):  # narrower than the grid can tell, and then straight
            return FittedDose(
                ln_dose=math.log(found),
                u_ln=reach / 2,
                lower=math.log(found) - reach,
                upper=math.log(found) + reach,
            )
        beyond = (fitted - net) ** 2 - quantile**2 * self.fit.scatter * (own + band)
        lower, upper = _bounds(at, beyond, math.log(found))
        return FittedDose(ln_dose=math.log(found), u_ln=reach / 2, lower=lower, upper=upper)

    def detection_limit(self, k: float, tubes: int) -> float | None:
        """The dose whose response lies `k` standard deviations from the zero standard, on the side where the curve goes."""
        zero = self.zero_response if self.zero_response is not None else self.curve.a + self.background
        away = k * math.sqrt(float(self.tube_variance(zero)) / tubes)
        found = float(self.curve.dose(self.curve.a + (away if self.curve.rising else -away)))
        return found if math.isfinite(found) and found > 0 else None

    def profile(self, doses: npt.ArrayLike, tubes: int) -> Floats:
        """Coefficient of variation, %, of doses[...] measured with `tubes` tubes: the replicates' part alone."""
        gross = self.curve.response(doses) + self.background
        with np.errstate(divide="ignore"):
            found = 100 * np.sqrt(self.tube_variance(gross) / tubes) / np.abs(self.curve.slope(doses))
        return np.asarray(found, dtype=np.float64)

    def effective_dose(self, percent: float) -> tuple[float, float] | None:
        """ln of the dose of that share of the whole response, and its standard uncertainty."""
        found = self.curve.effective_dose(percent)
        if not (math.isfinite(found) and found > 0):
            return None
        curve = self.curve
        small = 1e-5
        steeper = Curve(a=curve.a, d=curve.d, b=curve.b * math.exp(small), c=curve.c, g=curve.g, family=curve.family)
        skewed = Curve(a=curve.a, d=curve.d, b=curve.b, c=curve.c, g=curve.g * math.exp(small), family=curve.family)
        to_b = math.log(steeper.effective_dose(percent) / found) / small
        to_g = math.log(skewed.effective_dose(percent) / found) / small
        gradient = np.array([0.0, 0.0, to_b, 1.0, to_g])
        return math.log(found), math.sqrt(max(float(gradient @ self.fit.covariance @ gradient) * self.tube_scale, 0.0))

    def working_range(self, percent: float, tubes: int) -> tuple[float, float] | None:
        """Lowest and highest dose, within the standards, between which the precision profile stays at or below `percent`."""
        at = np.linspace(math.log(self.lowest), math.log(self.highest), 600)
        good = self.profile(np.exp(at), tubes) <= percent
        if not good.any():
            return None
        best = int(np.argmin(self.profile(np.exp(at), tubes)))
        if not good[best]:
            return None
        first, last = best, best
        while first > 0 and good[first - 1]:
            first -= 1
        while last < len(at) - 1 and good[last + 1]:
            last += 1
        low = self.lowest if first == 0 else float(np.exp(at[first]))
        return low, self.highest if last == len(at) - 1 else float(np.exp(at[last]))


def _bounds(at: Floats, beyond: Floats, centre: float) -> tuple[float | None, float | None]:
    """Where `beyond` turns positive on either side of `centre`, by linear interpolation; None where it never does."""
    middle = int(np.searchsorted(at, centre))
    lower = upper = None
    for n in range(min(middle, len(at) - 1), 0, -1):
        if beyond[n - 1] > 0 and (beyond[n] <= 0 or n == middle):
            lower = _crossing(at[n - 1], beyond[n - 1], at[n], beyond[n], centre)
            break
    for n in range(max(middle - 1, 0), len(at) - 1):
        if beyond[n + 1] > 0 and (beyond[n] <= 0 or n == middle - 1):
            upper = _crossing(at[n + 1], beyond[n + 1], at[n], beyond[n], centre)
            break
    return lower, upper


def _crossing(out: float, value_out: float, inside: float, value_inside: float, centre: float) -> float:
    if value_inside >= 0:
        return centre
    return float(out + (inside - out) * value_out / (value_out - value_inside))

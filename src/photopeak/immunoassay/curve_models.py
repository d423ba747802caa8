"""The logistic curves of immunoassays: response against dose with four or five parameters, derivatives and inverse.

Four parameters: y = d + (a - d) / (1 + (x/c)^b), with a the response at dose zero, d at infinite dose, c the dose half way, b > 0
the slope. The fifth parameter g makes it asymmetric in one of two ways, and both families are in use:
`reader`, y = d + (a - d) / (1 + (x/c)^b)^g, and `growth` (Richards), y = a + (d - a) / (1 + (x/c)^-b)^g.
Rodbard D, Frazier GR, Meth Enzymol 1975; 37: 3. Gottschalk PG, Dunn JR, Anal Biochem 2005; 343: 54.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Family = Literal["reader", "growth"]
ZERO_DOSE = -1e6  #: stands for ln 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One curve by its parameters; `g` = 1 is the four-parameter logistic."""

    a: float  #: response at dose zero
    d: float  #: response at infinite dose
    b: float  #: slope, positive
    c: float  #: dose of the midpoint; half-way response where g = 1
    g: float = 1.0
    family: Family = "reader"

    @property
    def rising(self) -> bool:
        return self.d > self.a

    def response(self, dose: npt.ArrayLike) -> Floats:
        """y[...] at dose[...] >= 0; dose zero gives exactly `a`."""
        u = self.b * (log_dose(dose) - math.log(self.c))
        return np.asarray(self.d + (self.a - self.d) * share_left(u, self.g, self.family), dtype=np.float64)

    def slope(self, dose: npt.ArrayLike) -> Floats:
        """dy / d ln x at dose[...]."""
        return np.asarray(-self.gradient(dose)[3], dtype=np.float64)

    def gradient(self, dose: npt.ArrayLike) -> Floats:
        """Derivatives [parameter, ...] of y to (a, d, ln b, ln c, ln g)."""
        parameters = np.array([self.a, self.d, math.log(self.b), math.log(self.c), math.log(self.g)])
        return evaluated(parameters, log_dose(dose), self.family)[1]

    def dose(self, response: npt.ArrayLike) -> Floats:
        """The dose at which the curve has this response; NaN at or beyond its asymptotes."""
        y = np.asarray(response, dtype=np.float64)
        with np.errstate(all="ignore"):
            share = (y - self.d) / (self.a - self.d)  # 1 at dose zero, 0 at infinity
            share = np.where((share > 0) & (share < 1), share, np.nan)
            if self.family == "reader":
                powered = np.expm1(-np.log(share) / self.g)
                ln_dose = math.log(self.c) + np.log(powered) / self.b
            else:
                powered = np.expm1(-np.log1p(-share) / self.g)
                ln_dose = math.log(self.c) - np.log(powered) / self.b
            return np.asarray(np.exp(ln_dose), dtype=np.float64)

    def effective_dose(self, percent: float) -> float:
        """The dose at which the response has gone `percent` of the way from dose zero to infinity."""
        return float(self.dose(self.a + (self.d - self.a) * percent / 100))

    def adjusted(self, offset: float, factor: float) -> Curve:
        """The curve with its responses changed to offset + factor y: a stored curve on the day's calibrators."""
        return replace(self, a=offset + factor * self.a, d=offset + factor * self.d)


def log_dose(dose: npt.ArrayLike) -> Floats:
    """ln x; dose zero is so far below every midpoint that the curve has its zero-dose response to the last digit."""
    x = np.asarray(dose, dtype=np.float64)
    return np.asarray(np.log(x, where=x > 0, out=np.full(x.shape, ZERO_DOSE)), dtype=np.float64)


def share_left(u: Floats, g: float, family: Family) -> Floats:
    """How much of the way back to the zero-dose response, from 1 to 0, at u = b (ln x - ln c)."""
    if family == "reader":
        return np.asarray(np.exp(-g * np.logaddexp(0.0, u)), dtype=np.float64)
    return np.asarray(-np.expm1(-g * np.logaddexp(0.0, -u)), dtype=np.float64)


def evaluated(parameters: Floats, t: Floats, family: Family) -> tuple[Floats, Floats]:
    """The response y[tube] at t = ln dose, and its derivatives [parameter, tube] to (a, d, ln b, ln c, ln g)."""
    a, d, ln_b, ln_c, ln_g = parameters.tolist()
    b, g, span = math.exp(ln_b), math.exp(ln_g), a - d
    u = b * (t - ln_c)
    v = u if family == "reader" else -u
    logs = np.logaddexp(0.0, v)
    powered = np.exp(-g * logs)
    share = powered if family == "reader" else 1.0 - powered
    along = (-span * g) * powered * np.exp(v - logs)  # dy / du, the same in both families
    slopes = np.empty((5, *t.shape))
    slopes[0], slopes[1], slopes[2], slopes[3] = share, 1.0 - share, along * u, -b * along
    slopes[4] = (-span * g if family == "reader" else span * g) * logs * powered
    return d + span * share, slopes

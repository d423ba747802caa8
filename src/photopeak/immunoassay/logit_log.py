"""The logit-log line of a competitive assay: ln(p / (1 - p)) = intercept + slope ln x, p = B / B0.

Weights p^2 (1 - p)^2 / var(p) on single tubes (Rodbard D, Lewald JE, Acta Endocrinol 1970; suppl 147: 79).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.immunoassay.curve_fit import Fit, Model
from photopeak.immunoassay.curve_models import Curve

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogitLine:
    """The line with the covariance of (intercept, slope) for the weights as given; `left_out` tubes lay outside 0 < p < 1."""

    intercept: float
    slope: float
    covariance: Floats
    chi_square: float
    freedom: int
    left_out: int

    @property
    def ed50(self) -> float:
        return math.exp(-self.intercept / self.slope)


def logit_line(dose: Floats, bound: Floats, zero: float, variances: Floats) -> LogitLine | None:
    """From dose[tube] > 0, bound[tube] net of non-specific binding, B0 and the variances[tube] of the responses."""
    p = bound / zero
    usable = (dose > 0) & (p > 0) & (p < 1)
    if len(set(dose[usable].tolist())) < 2 or usable.sum() < 3:
        return None
    p, t = p[usable], np.log(dose[usable])
    weights = (p * (1 - p)) ** 2 / (variances[usable] / zero**2)
    design = np.column_stack([np.ones_like(t), t])
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    logits = np.log(p / (1 - p))
    intercept, slope = covariance @ (design.T @ (weights * logits))
    residual = logits - design @ np.array([intercept, slope])
    return LogitLine(
        intercept=float(intercept),
        slope=float(slope),
        covariance=np.asarray(covariance),
        chi_square=float((weights * residual**2).sum()),
        freedom=int(usable.sum()) - 2,
        left_out=int(((dose > 0) & ~usable).sum()),
    )


def line_as_fit(line: LogitLine, zero: float) -> Fit:
    """The line as a curve with B0 and zero for asymptotes; its covariance turned to (ln b, ln c)."""
    b, ln_c = -line.slope, -line.intercept / line.slope
    turn = np.array([[0.0, 1 / line.slope], [-1 / line.slope, line.intercept / line.slope**2]])
    covariance = np.zeros((5, 5))
    covariance[2:4, 2:4] = turn @ line.covariance @ turn.T
    return Fit(
        curve=Curve(a=zero, d=0.0, b=b, c=math.exp(ln_c)),
        covariance=covariance,
        chi_square=line.chi_square,
        freedom=line.freedom,
        converged=b > 0,
        model=Model(held_zero=zero, held_infinite=0.0),
    )

"""Curves of activity against time and their fit, many starts or many noisy repetitions at once.

Every decay constant is written as the physical one + exp(q): a body cannot keep an activity longer than its nuclide lives, and a
fit cannot leave the physical range wherever it starts. Amplitudes are exp(p): positive. Times in h, rates in 1/h.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STEPS = 300
CONVERGED = 1e-12  #: relative gain of the sum of squares below which a fit has arrived
FASTEST_PER_H = 12.0  #: no phase shorter than a half-life of 3.5 minutes is looked for
SLOWEST_SHARE = 1e-5  #: of the physical decay constant: no slower biological loss is told from none
STARTS_H = (0.5, 2.0, 6.0, 15.0, 40.0, 90.0, 200.0)  #: half-lives from which two-phase fits start
ROUNDING = 1e-9  #: residuals below this share of the data are rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A curve by its parameters `p[parameter, fit]`: log amplitudes first, then log excess rates.

    `curve(t, p, physical)`: values[time, fit] and derivatives[time, parameter, fit]. `area(since, p, physical)`: the integral from
    `since` to infinity[fit] and its derivatives[parameter, fit].
    """

    name: str
    parameters: int
    curve: Callable[[Floats, Floats, float], tuple[Floats, Floats]]
    area: Callable[[float, Floats, float], tuple[Floats, Floats]]


def _phase(t: Floats, log_amplitude: Floats, q: Floats, physical: Floats | float) -> tuple[Floats, Floats]:
    """One exponential and its derivative to q; the one to the log amplitude is itself."""
    excess = np.exp(q)
    values = np.exp(log_amplitude - (physical + excess) * t[:, None])
    return values, -t[:, None] * excess * values


def _phase_area(since: float, log_amplitude: Floats, q: Floats, physical: Floats | float) -> tuple[Floats, Floats]:
    excess = np.exp(q)
    rate = physical + excess
    area = np.exp(log_amplitude - rate * since) / rate
    return area, -area * (since + 1 / rate) * excess


def _mono(t: Floats, p: Floats, physical: float) -> tuple[Floats, Floats]:
    values, by_rate = _phase(t, p[0], p[1], physical)
    return values, np.stack([values, by_rate], axis=1)


def _mono_area(since: float, p: Floats, physical: float) -> tuple[Floats, Floats]:
    area, by_rate = _phase_area(since, p[0], p[1], physical)
    return area, np.stack([area, by_rate])


def _uptake(t: Floats, p: Floats, physical: float) -> tuple[Floats, Floats]:
    """A (exp(-a t) - exp(-b t)), nothing at the start; b = a + exp(p[2])."""
    slow, slow_by_q = _phase(t, p[0], p[1], physical)
    fast, fast_by_q = _phase(t, p[0], p[2], physical + np.exp(p[1]))
    fast_by_slow = -t[:, None] * np.exp(p[1]) * fast
    return slow - fast, np.stack([slow - fast, slow_by_q - fast_by_slow, -fast_by_q], axis=1)


def _uptake_area(since: float, p: Floats, physical: float) -> tuple[Floats, Floats]:
    slow, slow_by_q = _phase_area(since, p[0], p[1], physical)
    first = physical + np.exp(p[1])
    fast, fast_by_q = _phase_area(since, p[0], p[2], first)
    fast_by_slow = -fast * (since + 1 / (first + np.exp(p[2]))) * np.exp(p[1])
    return slow - fast, np.stack([slow - fast, slow_by_q - fast_by_slow, -fast_by_q])


def _bi(t: Floats, p: Floats, physical: float) -> tuple[Floats, Floats]:
    """Two phases of washout: log amplitudes, then log excess rates."""
    one, one_by_q = _phase(t, p[0], p[2], physical)
    other, other_by_q = _phase(t, p[1], p[3], physical)
    return one + other, np.stack([one, other, one_by_q, other_by_q], axis=1)


def _bi_area(since: float, p: Floats, physical: float) -> tuple[Floats, Floats]:
    one, one_by_q = _phase_area(since, p[0], p[2], physical)
    other, other_by_q = _phase_area(since, p[1], p[3], physical)
    return one + other, np.stack([one, other, one_by_q, other_by_q])


MONO = Model(name="mono", parameters=2, curve=_mono, area=_mono_area)
UPTAKE = Model(name="bi_uptake", parameters=3, curve=_uptake, area=_uptake_area)
BI = Model(name="bi", parameters=4, curve=_bi, area=_bi_area)
MODELS = (MONO, UPTAKE, BI)


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Positive activities at ascending times in h; `u` their standard uncertainties, None where nobody gave any (then equal
    relative ones are assumed and their size is read from the scatter)."""

    time_h: Floats
    activity: Floats
    u: Floats | None

    @property
    def scale(self) -> Floats:
        """What a residual is divided by."""
        return self.activity if self.u is None else self.u


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The best `p[parameter]` of a model, its covariance (None where it cannot be known), the sum of squared scaled residuals."""

    model: Model
    p: Floats
    covariance: Floats | None
    squares: float
    physical: float

    def values(self, t: Floats) -> Floats:
        return self.model.curve(t, self.p[:, None], self.physical)[0][:, 0]

    def area(self, since: float = 0.0) -> tuple[float, Floats]:
        """The integral from `since` to infinity, and its derivatives[parameter]."""
        area, slopes = self.model.area(since, self.p[:, None], self.physical)
        return float(area[0]), slopes[:, 0]

    @property
    def slowest_rate(self) -> float:
        """Decay constant of the last phase, 1/h."""
        rates = self.p[2:] if self.model is BI else self.p[1:2]
        return float(self.physical + np.exp(rates.min()))


def fit(model: Model, samples: Samples, physical: float) -> Fit:
    """Weighted least squares, the best of several starts. `physical`: decay constant of the nuclide, 1/h."""
    ends, squares = descend(model, samples, physical, _starts(model, samples, physical), samples.activity[:, None])
    best = int(np.argmin(squares))
    p = ends[:, best]
    covariance = _covariance(model, samples, physical, p, float(squares[best]))
    return Fit(model=model, p=p, covariance=covariance, squares=float(squares[best]), physical=physical)


def _starts(model: Model, samples: Samples, physical: float) -> Floats:
    """From the straight line through the logarithms; two phases from a grid of half-lives as well. Starts[parameter, start]."""
    t, y = samples.time_h, samples.activity
    slope, level = np.polyfit(t, np.log(y), 1, w=y / samples.scale)
    if model is MONO:
        return np.array([[level], [_log_excess(-slope, physical)]])
    rates = [np.log(2) / half_life for half_life in STARTS_H]
    pairs = [(a, b) for a in rates for b in rates if b > 1.5 * a and a > physical] or [(1.5 * physical + 1e-3, 1.0)]
    late = [np.log(y[-1]) + min(a * t[-1], 30.0) for a, _ in pairs]
    slow = [_log_excess(a, physical) for a, _ in pairs]
    if model is UPTAKE:
        return np.array([late, slow, [np.log(b - a) for a, b in pairs]])
    early = [np.log(0.5 * y[0]) + min(b * t[0], 30.0) for _, b in pairs]
    return np.array([late, early, slow, [_log_excess(b, physical) for _, b in pairs]])


def _log_excess(rate: float, physical: float) -> float:
    return float(np.log(max(rate - physical, 1e-3 * physical, 1e-6)))


def descend(model: Model, samples: Samples, physical: float, p: Floats, activity: Floats) -> tuple[Floats, Floats]:
    """Levenberg's and Marquardt's descent of all columns at once: `p[parameter, fit]`, `activity[time, fit or 1]`.

    Returns the arrived p and the sums of squared scaled residuals[fit].
    """
    rates = model.parameters - (2 if model is BI else 1)
    low = np.log(SLOWEST_SHARE * max(physical, 1e-3))
    p, damping = p.copy(), np.full(p.shape[1], 1e-3)
    residuals, slopes = _scaled(model, samples, physical, p, activity)
    squares = (residuals**2).sum(axis=0)
    least = (ROUNDING * np.linalg.norm(samples.activity / samples.scale)) ** 2 * 1e-8
    going = np.ones(p.shape[1], bool)
    for _ in range(STEPS):
        tried = p + np.clip(_steps(slopes, residuals, damping), -2.0, 2.0)
        tried[-rates:] = np.clip(tried[-rates:], low, np.log(FASTEST_PER_H))
        found, found_slopes = _scaled(model, samples, physical, tried, activity)
        better = (found**2).sum(axis=0)
        taken = going & (better < squares)
        arrived = taken & ((squares - better <= CONVERGED * squares) | (better <= least))
        p, squares = np.where(taken, tried, p), np.where(taken, better, squares)
        residuals, slopes = np.where(taken, found, residuals), np.where(taken, found_slopes, slopes)
        damping = np.where(taken, np.maximum(damping / 6, 1e-14), damping * 8)
        going &= ~arrived & (damping < 1e12)
        if not going.any():
            break
    return p, squares


def _scaled(model: Model, samples: Samples, physical: float, p: Floats, activity: Floats) -> tuple[Floats, Floats]:
    values, slopes = model.curve(samples.time_h, p, physical)
    scale = samples.scale
    return (activity - values) / scale[:, None], slopes / scale[:, None, None]


def _steps(slopes: Floats, residuals: Floats, damping: Floats) -> Floats:
    """The damped steps[parameter, fit]."""
    normal = np.einsum("tif,tjf->fij", slopes, slopes)
    gradient = np.einsum("tif,tf->fi", slopes, residuals)
    ridge = np.einsum("fii->fi", normal) * damping[:, None] + 1e-30
    return np.asarray(np.linalg.solve(normal + ridge[:, :, None] * np.eye(normal.shape[1]), gradient[:, :, None])[:, :, 0].T)


def _covariance(model: Model, samples: Samples, physical: float, p: Floats, squares: float) -> Floats | None:
    """Of p: from the stated uncertainties, else from the scatter about the curve where degrees of freedom are left."""
    free = samples.time_h.size - model.parameters
    if samples.u is None and free < 1:
        return None
    _, slopes = _scaled(model, samples, physical, p[:, None], samples.activity[:, None])
    inverse = np.linalg.pinv(slopes[:, :, 0].T @ slopes[:, :, 0], rcond=1e-12)
    return np.asarray(inverse if samples.u is not None else inverse * squares / free)


def corrected_criterion(found: Fit, samples: Samples) -> float | None:
    """Akaike's criterion corrected for few samples (AICc); None where n - k - 1 < 1 leaves it undefined."""
    n, k = samples.time_h.size, found.model.parameters
    if n - k - 1 < 1:
        return None
    misfit = found.squares
    if samples.u is None:
        misfit = n * float(np.log(max(found.squares / n, ROUNDING**2)))
    return misfit + 2 * k + 2 * k * (k + 1) / (n - k - 1)

"""A counter that is paralysed: observed = true x exp(-true x dead time), from two sources or from one that decays away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy
from scipy.special import lambertw

Floats = npt.NDArray[np.float64]


class NoDeadTime(Exception):
    """The rates are not those of a paralysable counter below its maximum."""


def true_rate(observed: float, tau_s: float) -> float:
    """The true rate below the maximum that is observed as `observed`; in counts/s. ValueError above 1 / (e tau)."""
    if tau_s <= 0 or observed <= 0:
        return observed
    load = observed * tau_s
    if load > math.exp(-1) * (1 + 1e-12):
        raise ValueError(f"{observed:.0f} counts/s exceed the maximum of a counter with {tau_s * 1e6:.2f} us")
    return float(-lambertw(-min(load, math.exp(-1))).real) / tau_s


def two_source_dead_time(first: float, second: float, both: float, background: float = 0.0) -> float:
    """Dead time in s from the observed rates of two sources alone, together, and of background; any ratio of the sources.

    Solves true(first) + true(second) = true(both) + true(background). NoDeadTime where rates do not lose counts together, or
    where they lie beyond the maximum.
    """

    def apart(tau: float) -> float:
        return true_rate(first, tau) + true_rate(second, tau) - true_rate(both, tau) - true_rate(background, tau)

    highest = math.exp(-1) / max(first, second, both) * (1 - 1e-12)
    if both >= first + second - background or both <= max(first, second) or apart(highest) > 0:
        raise NoDeadTime
    return float(scipy.optimize.brentq(apart, 0.0, highest, xtol=1e-18, rtol=1e-13))


def two_source_uncertainty(rates: tuple[float, float, float, float], u: tuple[float, float, float, float]) -> float:
    """Standard uncertainty of `two_source_dead_time`, from those of first, second, both and background."""
    middle = two_source_dead_time(*rates)
    total = 0.0
    for index, one in enumerate(u):
        if one <= 0:
            continue
        moved = list(rates)
        moved[index] += 0.2 * one
        try:
            total += ((two_source_dead_time(moved[0], moved[1], moved[2], moved[3]) - middle) / 0.2) ** 2
        except NoDeadTime:
            total += middle**2
    return math.sqrt(total)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayFit:
    """Fit of a decaying source: true rate at time zero, dead time, constant background (all k = 1 from the covariance)."""

    rate_at_zero: float
    tau_s: float
    tau_u_s: float
    background: float
    misfit: float

    def observed(self, true: Floats) -> Floats:
        """What is observed of these true rates (background included in them)."""
        return np.asarray(true * np.exp(-true * self.tau_s))


def fit_decay(times_s: Floats, counts: Floats, seconds: Floats, decay_constant: float, background: float | None) -> DecayFit:
    """Fit observed counts of a source decaying as known; `background` in counts/s where it was measured, else none.

    `times_s` are the starts of the intervals of `seconds`; within an interval the mean activity is used. Weighted by counts.
    """
    decay = np.exp(-decay_constant * times_s) * _mean_over(decay_constant * seconds)
    floor = background or 0.0
    rates, u = counts / seconds, np.sqrt(np.maximum(counts, 1.0)) / seconds
    slowest = int(np.argmin(rates))
    start = max(rates[slowest] - floor, 1e-9) / decay[slowest]
    parameters = np.array([start, 0.1 / max(float(rates.max()), 1.0)])
    damping, value = 1e-3, math.inf
    for _ in range(200):
        residual, slopes = _residuals(parameters, decay, floor, rates, u)
        now = float(residual @ residual)
        matrix = slopes.T @ slopes
        step = np.linalg.solve(matrix + damping * np.diag(np.diag(matrix)), slopes.T @ residual)
        tried = parameters + step
        after = math.inf
        if tried[0] > 0 and tried[1] > -1e-4:
            moved, _ = _residuals(tried, decay, floor, rates, u)
            after = float(moved @ moved)
        if after <= now:
            parameters, damping = tried, damping / 3
            if np.all(np.abs(step) < 1e-11 * np.abs(parameters)):
                break
        else:
            damping *= 4
        if damping > 1e12:
            break
        value = min(now, after)
    _, slopes = _residuals(parameters, decay, floor, rates, u)
    covariance = np.linalg.inv(slopes.T @ slopes)
    misfit = value / max(len(rates) - 2, 1)
    widen = misfit if misfit > 1 + 3.3 * math.sqrt(2 / max(len(rates) - 2, 1)) else 1.0
    return DecayFit(
        rate_at_zero=float(parameters[0]),
        tau_s=float(parameters[1]),
        tau_u_s=math.sqrt(float(covariance[1, 1]) * widen),
        background=floor,
        misfit=misfit,
    )


def _mean_over(exponent: Floats) -> Floats:
    safe = np.maximum(exponent, 1e-12)
    return np.asarray(-np.expm1(-safe) / safe)


def _residuals(parameters: Floats, decay: Floats, floor: float, rates: Floats, u: Floats) -> tuple[Floats, Floats]:
    true = parameters[0] * decay + floor
    lost = np.exp(-true * parameters[1])
    slopes = np.stack([decay * lost * (1 - true * parameters[1]), -(true**2) * lost], axis=1)
    return (rates - true * lost) / u, slopes / u[:, np.newaxis]


def loss_crossing(true: Floats, observed: Floats, share: float) -> tuple[float, float, float] | None:
    """Where observed falls to (1 - `share`) of true, by linear interpolation between the two nearest points.

    (observed rate there, weights of the lower and of the upper point); None where the points do not reach it.
    """
    order = np.argsort(true)
    x, y = true[order], observed[order]
    loss = 1 - y / x
    above = np.flatnonzero(loss >= share)
    if not len(above) or above[0] == 0:
        return None
    high = int(above[0])
    low = high - 1
    weight = float((share - loss[low]) / (loss[high] - loss[low]))
    return float(y[low] + weight * (y[high] - y[low])), 1 - weight, weight

"""Weighted least squares of the logistic curves: a start found on a grid where the asymptotes follow in closed form, then
Levenberg-Marquardt in all parameters. No start values are asked for, and none of the standard sets needs them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from photopeak.immunoassay.curve_models import ZERO_DOSE, Curve, Family, evaluated, log_dose

Floats = npt.NDArray[np.float64]
SLOPES = np.exp(np.linspace(math.log(0.25), math.log(8.0), 9))
MIDPOINTS = np.linspace(-0.15, 1.15, 11)  #: in shares of the range of log doses
ASYMMETRIES = (0.15, 0.4, 1.0, 2.5, 8.0)
LN_B, LN_G = (math.log(0.02), math.log(60.0)), (math.log(0.01), math.log(1000.0))
MOST_AT_START = 200  #: tubes
SMALL = 1e-10
ARITHMETIC = 1e-7  #: a step so small that a cost which does not fall tells of rounding alone
SETTLED = 1e-3  #: of the sum of squares, over the second half of the steps
MOST_STEPS, LARGEST_DAMPING = 200, 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is fitted: the number of shape parameters, and asymptotes that are held."""

    five: bool = False
    family: Family = "reader"
    held_zero: float | None = None  #: response at dose zero, where it is known
    held_infinite: float | None = None  #: response at infinite dose, where it is known

    @property
    def free(self) -> tuple[int, ...]:
        """Indices into (a, d, ln b, ln c, ln g) of what is fitted."""
        held = {0} if self.held_zero is not None else set()
        held |= {1} if self.held_infinite is not None else set()
        held |= set() if self.five else {4}
        return tuple(n for n in range(5) if n not in held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted curve. `covariance[parameter, parameter]` of (a, d, ln b, ln c, ln g) for weights as given; scale it by
    `scatter` where the weights are only proportions. `chi_square` is the weighted sum of squares."""

    curve: Curve
    covariance: Floats
    chi_square: float
    freedom: int
    converged: bool
    model: Model
    limiting: bool = False  #: the fifth parameter ran to its end and is held there: the limiting shape suits the standards best

    @property
    def scatter(self) -> float:
        """Weighted residual variance: near one where the declared variance is the true one."""
        return self.chi_square / self.freedom if self.freedom > 0 else math.nan


def fit_curve(dose: npt.ArrayLike, response: npt.ArrayLike, weights: npt.ArrayLike, model: Model | None = None) -> Fit:
    """Fit response[tube] at dose[tube] (zero allowed) with weights[tube] (1 / variance)."""
    wanted = model or Model()
    t, y = log_dose(dose), np.asarray(response, dtype=np.float64)
    roots = np.sqrt(np.asarray(weights, dtype=np.float64))
    best: tuple[float, Floats, bool] | None = None
    for start in _starts(t, y, roots, wanted):
        found = _levenberg_marquardt(start, t, y, roots, wanted)
        if best is None or found[0] < best[0]:
            best = found
        if best[2] and not wanted.five:
            break
    if best is None:
        raise ValueError("no curve can be started: the responses or the doses do not differ")
    cost, parameters, converged = best
    if _g_at_edge(parameters) and wanted.five:
        # the standards want the limiting shape: with the fifth parameter there, the others have their minimum
        cost, parameters, converged = _levenberg_marquardt(parameters, t, y, roots, wanted, held=(4,))
    return _fit(cost, parameters, converged, t, roots, wanted)


def reweighted_fit(
    dose: npt.ArrayLike,
    response: npt.ArrayLike,
    variance: Callable[[Floats], Floats],
    fit: Callable[[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike], Fit],
    rounds: int = 20,
) -> Fit:
    """Iteratively reweighted: the variance is taken at the fitted response until the midpoint stays where it is."""
    found = fit(dose, response, 1 / variance(np.asarray(response, dtype=np.float64)))
    for _ in range(rounds):
        before = found.curve
        found = fit(dose, response, 1 / variance(found.curve.response(dose)))
        if abs(math.log(found.curve.c / before.c)) < 1e-8:
            break
    return found


def _starts(t: Floats, y: Floats, roots: Floats, model: Model) -> list[Floats]:
    """The best few points of the grid of shapes, each with the asymptotes that suit it best."""
    if len(t) > MOST_AT_START:  # the start needs the shape of the curve, not every tube
        some = np.argsort(t, kind="stable")[np.linspace(0, len(t) - 1, MOST_AT_START).astype(np.intp)]
        t, y, roots = t[some], y[some], roots[some]
    finite = t[t > ZERO_DOSE]
    low, high = float(finite.min()), float(finite.max())
    centres = low + (high - low) * MIDPOINTS
    shapes = _grid(model.five)
    u = shapes[:, 0][:, None, None] * (t[None, None, :] - centres[None, :, None])
    share = _shares(u, shapes[:, 1], model)
    cost, a, d = _asymptotes(share, y, roots, model)
    order = np.argsort(cost, axis=None)
    starts: list[Floats] = []
    for flat in order[: 400 if model.five else 40]:
        row, column = np.unravel_index(int(flat), cost.shape)
        if not np.isfinite(cost[row, column]):
            break
        slope, asymmetry = shapes[row]
        one = np.array([a[row, column], d[row, column], math.log(slope), centres[column], math.log(asymmetry)])
        if all(abs(one[3] - other[3]) + abs(one[2] - other[2]) + abs(one[4] - other[4]) > 0.5 for other in starts):
            starts.append(one)
        if len(starts) == (6 if model.five else 3):
            break
    return starts


@lru_cache(maxsize=2)
def _grid(five: bool) -> Floats:
    return np.array([[slope, g] for slope in SLOPES for g in (ASYMMETRIES if five else (1.0,))])


def _shares(u: Floats, asymmetries: Floats, model: Model) -> Floats:
    logs = np.logaddexp(0.0, u if model.family == "reader" else -u)
    powered = np.exp(-(logs if not model.five else asymmetries[:, None, None] * logs))
    return np.asarray(powered if model.family == "reader" else 1.0 - powered, dtype=np.float64)


def _asymptotes(share: Floats, y: Floats, roots: Floats, model: Model) -> tuple[Floats, Floats, Floats]:
    """Weighted least squares in (a, d) for every shape[row, column]: y = a share + d (1 - share)."""
    w = roots * roots
    rest = 1.0 - share
    if model.held_zero is not None and model.held_infinite is not None:
        a, d = np.full(share.shape[:2], model.held_zero), np.full(share.shape[:2], model.held_infinite)
    elif model.held_zero is not None or model.held_infinite is not None:
        zero = model.held_zero is not None
        known = float(model.held_zero if model.held_zero is not None else model.held_infinite or 0.0)
        factor, other = (share, rest) if zero else (rest, share)
        with np.errstate(all="ignore"):
            free = (other * w * (y - known * factor)).sum(-1) / (other * other * w).sum(-1)
        held = np.full(free.shape, known)
        a, d = (held, free) if zero else (free, held)
    else:
        ss, sr, rr = (share * share) @ w, (share * rest) @ w, (rest * rest) @ w
        sy, ry = share @ (w * y), rest @ (w * y)
        with np.errstate(all="ignore"):
            determinant = ss * rr - sr * sr
            determinant = np.where(determinant > 1e-10 * ss * rr, determinant, np.nan)
            a, d = (rr * sy - sr * ry) / determinant, (ss * ry - sr * sy) / determinant
    residual = y - (a[..., None] * share + d[..., None] * rest)
    cost = (residual * residual) @ w
    return np.where(np.isfinite(cost), cost, np.inf), a, d


def _g_at_edge(parameters: Floats) -> bool:
    return min(float(parameters[4]) - LN_G[0], LN_G[1] - float(parameters[4])) <= 1e-9


def _levenberg_marquardt(
    start: Floats, t: Floats, y: Floats, roots: Floats, model: Model, held: tuple[int, ...] = ()
) -> tuple[float, Floats, bool]:
    """Minimise sum(roots (y - f))^2 from `start`; (cost, parameters, converged).

    Five parameters may lie on a ridge where they still move while the curve does not: that the sum of squares no longer falls by
    what the residuals could tell is convergence as well.
    """
    free = [n for n in model.free if n not in held]
    at, damping = start.copy(), 1e-4
    residual, slopes, cost = _weighed(at, t, y, roots, model, free)
    costs = [cost]
    for _ in range(MOST_STEPS):
        normal, gradient = slopes @ slopes.T, slopes @ residual
        diagonal = normal.diagonal().copy()
        diagonal[diagonal <= 0] = 1.0
        while damping < LARGEST_DAMPING:
            step = _solved(normal, damping * diagonal, gradient)
            trial = at.copy()
            trial[free] += step
            trial[2], trial[4] = min(max(trial[2], LN_B[0]), LN_B[1]), min(max(trial[4], LN_G[0]), LN_G[1])
            further = _weighed(trial, t, y, roots, model, free)
            moved = _moved(step, at, free)
            if further[2] <= cost:
                break
            if moved <= ARITHMETIC:
                return cost, at, True
            damping *= 10
        else:
            return cost, at, _stationary(slopes, residual, cost)
        gain = cost - further[2]
        at, (residual, slopes, cost), damping = trial, further, max(damping / 30, 1e-14)
        costs.append(cost)
        if moved <= SMALL or (gain <= 1e-14 * cost and moved <= 1e-6):
            return cost, at, True
    return cost, at, model.five and costs[len(costs) // 2] - cost <= SETTLED * cost


def _moved(step: Floats, at: Floats, free: list[int]) -> float:
    """The largest change: of an asymptote in shares of their distance from zero, of the logarithms as it is."""
    span = abs(float(at[0])) + abs(float(at[1]))
    return float(max(abs(one) / (span if n < 2 else 1.0) for n, one in zip(free, step.tolist())))


def _weighed(
    parameters: Floats, t: Floats, y: Floats, roots: Floats, model: Model, free: list[int]
) -> tuple[Floats, Floats, float]:
    """Weighted residuals[tube], weighted derivatives [free parameter, tube], and the sum of squares (infinite when lost)."""
    fitted, slopes = evaluated(parameters, t, model.family)
    residual = roots * (y - fitted)
    cost = float(residual @ residual)
    return residual, slopes[free] * roots, cost if math.isfinite(cost) else math.inf


def _solved(normal: Floats, added: Floats, gradient: Floats) -> Floats:
    damped = normal.copy()
    damped.flat[:: len(gradient) + 1] += added
    try:
        return np.asarray(np.linalg.solve(damped, gradient), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.zeros_like(gradient)


def _stationary(slopes: Floats, residual: Floats, cost: float) -> bool:
    """Whether the residuals are orthogonal to the tangent plane as far as arithmetic can tell."""
    norms = np.sqrt((slopes * slopes).sum(axis=1) * cost)
    return bool((np.abs(slopes @ residual) <= 1e-6 * norms + 1e-300).all())


def _fit(cost: float, parameters: Floats, converged: bool, t: Floats, roots: Floats, model: Model) -> Fit:
    limiting = model.five and _g_at_edge(parameters)
    free = np.array([n for n in model.free if not (limiting and n == 4)])
    slopes = evaluated(parameters, t, model.family)[1][free] * roots
    covariance = np.zeros((5, 5))
    covariance[np.ix_(free, free)] = _inverse(slopes @ slopes.T)
    a, d, ln_b, ln_c, ln_g = (float(value) for value in parameters)
    curve = Curve(a=a, d=d, b=math.exp(ln_b), c=math.exp(ln_c), g=math.exp(ln_g), family=model.family)
    edge = min(ln_b - LN_B[0], LN_B[1] - ln_b) <= 1e-9
    return Fit(
        curve=curve,
        covariance=covariance,
        chi_square=cost,
        freedom=len(t) - len(free),
        converged=converged and not edge and bool(np.isfinite(covariance).all()),
        model=model,
        limiting=limiting,
    )


def _inverse(normal: Floats) -> Floats:
    """Inverse of a symmetric matrix through its correlations; infinite where it has none."""
    scale = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    try:
        return np.asarray(np.linalg.inv(normal / np.outer(scale, scale)) / np.outer(scale, scale), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full(normal.shape, np.inf)


def slopes_at(fit: Fit, doses: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The response's standard variance from the curve's parameters (weights as given), and dy/d ln x, at doses[...]."""
    gradient = fit.curve.gradient(doses)
    return np.einsum("i...,ij,j...->...", gradient, fit.covariance, gradient), fit.curve.slope(doses)

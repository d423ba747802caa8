"""Least squares: six blurred spheres on a ring, fitted to the voxels near them.

The ring gives a sphere's place only to a millimetre or so (stems differ in length), so each sphere may leave its place on
the ring against a spring of LOOSE_MM: a bright sphere is found where it is, a faint or missing one where the ring says it is.
Sums are einsum's, not BLAS's: their order, hence the last bit, must not depend on how many threads a worker may use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photopeak.pet.iec_body_pose import SPHERES_MM, Floats, Pose, SphereData, blurred_sphere

TABLE_MM = 0.2  #: step of the radial table
LOOSE_MM = 1.0  #: how far, one standard deviation per axis, a sphere may be off the ring

_RADII = np.array(SPHERES_MM) / 2
_POSE, _SIGMA, _LEVEL, _HOT = slice(0, 6), 6, 7, 8
_SHARED, _ALL = 14, 32  #: pose, blur, level, six excesses; then three displacements of each sphere


@dataclass(frozen=True, slots=True, kw_only=True)
class RingFit:
    """The fitted ring. `spheres_mm[sphere, axis]` are the centres, off the rigid ring by `off_ring_mm[sphere, axis]`.

    `hot[sphere]` are the excesses over `level` (in the order of SPHERES_MM), `sigma_mm` the common blur.
    `gain[sphere][parameter, voxel]` maps noise of that sphere's voxels to the errors of centre (slice, row, column) in mm
    and angle in radians.
    """

    pose: Pose
    spheres_mm: Floats
    off_ring_mm: Floats
    sigma_mm: float
    level: float
    hot: Floats
    data: tuple[SphereData, ...]
    gain: tuple[Floats, ...]


@dataclass(slots=True, kw_only=True)
class _State:
    """One linearisation: parameters, cost, normal equations and each sphere's weighted slopes by its own parameters."""

    theta: Floats
    cost: float
    normal: Floats
    gradient: Floats
    slopes: list[Floats]
    through: list[Floats]
    weights: list[Floats]


_SIX = 6  #: what a sphere's voxels change by: its centre along the three axes, the blur, the level, its own excess


def fit_ring(
    data: tuple[SphereData, ...],
    start: Pose,
    *,
    level: float,
    sigma_mm: float = 3.5,
    noise_power: float | None = None,
    rounds: int = 15,
    tolerance_mm: float = 1e-3,
) -> RingFit:
    """Levenberg–Marquardt from `start`; rigid unless `noise_power` (variance of a weighted voxel times the number of voxels per
    independent cell) says how strongly the voxels pull against the springs.

    Residuals are weighed by 1/√activity: noise grows with activity, while the edges carry the position.
    """
    voxels = tuple(np.ascontiguousarray(one.positions.T) for one in data)
    theta = np.zeros(_ALL)
    theta[_POSE], theta[_SIGMA], theta[_LEVEL] = start.parameters(), sigma_mm, level
    for k, (one, centre) in enumerate(zip(data, start.spheres_mm())):
        shape = blurred_sphere(np.linalg.norm(one.positions - centre, axis=1), _RADII[k], sigma_mm)
        theta[_HOT + k] = (shape * (one.values - level)).sum() / (shape * shape).sum()
    spring = np.inf if noise_power is None else noise_power / LOOSE_MM**2
    state, damping = _linearised(data, voxels, theta, start.hand, level, spring), 1e-3
    for _ in range(rounds):
        step = np.zeros(_ALL)
        free = np.diag(state.normal) > 0
        normal = state.normal[np.ix_(free, free)]
        step[free] = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), state.gradient[free])
        trial = state.theta + step
        trial[_SIGMA] = np.clip(trial[_SIGMA], 1.2, 9.0)
        after = _linearised(data, voxels, trial, start.hand, level, spring)
        if after.cost <= state.cost:
            state, damping = after, damping / 10
            if np.abs(step[:3]).max() < tolerance_mm and np.abs(step[3:6]).max() * 60 < tolerance_mm:
                break
        else:
            damping *= 10
            if damping > 1e4:
                break
    return _result(data, state, start.hand)


def weighted_noise_power(fit: RingFit, voxel_mm3: float) -> float:
    """Variance of a weighted residual of `fit`, times the voxels in one independent cell of noise as wide as the image's
    blur."""
    squares, voxels = 0.0, 0
    for k, one in enumerate(fit.data):
        shape = blurred_sphere(np.linalg.norm(one.positions - fit.spheres_mm[k], axis=1), _RADII[k], fit.sigma_mm)
        residual = one.values - fit.level - fit.hot[k] * shape
        squares += float((residual**2 / (1 + shape * max(fit.hot[k], 0.0) / fit.level)).sum())
        voxels += len(residual)
    cell_mm3 = (4 * np.pi * fit.sigma_mm**2) ** 1.5
    return float(squares / voxels * max(cell_mm3 / voxel_mm3, 1.0))


def _linearised(
    data: tuple[SphereData, ...], voxels: tuple[Floats, ...], theta: Floats, hand: int, level: float, spring: float
) -> _State:
    """The normal equations at `theta`: data of each sphere by its own 12 parameters, and the springs.

    The 12 act on the voxels (`voxels[sphere][axis, voxel]`) through six slopes only, which are summed; the rest is algebra.
    """
    centres, turns = _centres_and_turns(theta[_POSE], hand)
    state = _State(
        theta=theta, cost=0.0, normal=np.zeros((_ALL, _ALL)), gradient=np.zeros(_ALL), slopes=[], through=[], weights=[]
    )
    for k, one in enumerate(data):
        moved = theta[_own(k)[9:]]
        shape, away, by_sigma = _shape_and_slopes(voxels[k], centres[k] + moved, float(_RADII[k]), float(theta[_SIGMA]))
        hot = theta[_HOT + k]
        weights = 1 / np.sqrt(1 + shape * max(hot, 0.0) / level)
        slopes = np.empty((_SIX, len(shape)))
        slopes[:3], slopes[3], slopes[4], slopes[5] = hot * away, hot * by_sigma, 1.0, shape
        slopes *= weights
        residual = (one.values - theta[_LEVEL] - hot * shape) * weights
        own, through = _own(k), _through_slopes(turns[k], displaced=bool(np.isfinite(spring)))
        state.normal[np.ix_(own, own)] += through @ np.einsum("iv,jv->ij", slopes, slopes) @ through.T
        state.gradient[own] += through @ np.einsum("iv,v->i", slopes, residual)
        state.cost += float((residual * residual).sum())
        state.slopes.append(slopes)
        state.through.append(through)
        state.weights.append(weights)
    if np.isfinite(spring):
        displaced = np.arange(_SHARED, _ALL)
        state.normal[displaced, displaced] += spring
        state.gradient[displaced] -= spring * theta[displaced]
        state.cost += spring * float(theta[displaced] @ theta[displaced])
    return state


def _through_slopes(turns: Floats, *, displaced: bool) -> Floats:
    """How the 12 parameters of `_own` act on the six slopes: [parameter, slope]."""
    through = np.zeros((12, _SIX))
    through[:6, :3] = turns
    through[6, 3] = through[7, 4] = through[8, 5] = 1.0
    if displaced:
        through[9:, :3] = np.eye(3)
    return through


def _own(sphere: int) -> list[int]:
    """Indices of the parameters that one sphere's voxels depend on."""
    first = _SHARED + 3 * sphere
    return [*range(8), _HOT + sphere, first, first + 1, first + 2]


def _shape_and_slopes(voxels: Floats, centre: Floats, radius: float, sigma: float) -> tuple[Floats, Floats, Floats]:
    """The blurred sphere at the voxels, its derivative by the centre [axis, voxel] and by sigma; read from a fine radial
    table."""
    offset = voxels - centre[:, None]
    distance = np.sqrt(offset[0] ** 2 + offset[1] ** 2 + offset[2] ** 2)
    table = np.arange(0.0, distance.max() + 0.4, TABLE_MM)
    value = blurred_sphere(table, radius, sigma)
    by_sigma = (blurred_sphere(table, radius, sigma * 1.01) - value) / (0.01 * sigma)
    toward = -np.interp(distance, table, np.gradient(value, TABLE_MM)) / np.maximum(distance, 1e-6)
    return np.interp(distance, table, value), offset * toward, np.interp(distance, table, by_sigma)


def _centres_and_turns(parameters: Floats, hand: int) -> tuple[Floats, Floats]:
    """Sphere centres [sphere, axis] and their derivative [sphere, parameter, axis] by the six pose parameters."""
    centres = Pose.of(parameters, hand).spheres_mm()
    turns = np.zeros((6, 6, 3))
    turns[:, 0, 0] = turns[:, 1, 1] = turns[:, 2, 2] = 1.0
    for index in (3, 4, 5):
        nudged = parameters.copy()
        nudged[index] += 1e-4
        turns[:, index] = (Pose.of(nudged, hand).spheres_mm() - centres) / 1e-4
    return centres, turns


def _result(data: tuple[SphereData, ...], state: _State, hand: int) -> RingFit:
    pose, moved = Pose.of(state.theta[_POSE], hand), state.theta[_SHARED:].reshape(6, 3)
    free = np.diag(state.normal) > 0
    normal = np.where(np.outer(free, free), state.normal, 0.0) + np.diag(np.where(free, 0.0, 1.0))
    inverse = np.linalg.inv(normal + 1e-12 * np.diag(np.diag(normal)))
    gain = tuple(
        np.einsum("pi,iv->pv", inverse[:4][:, _own(k)] @ through, slopes) * weights
        for k, (slopes, through, weights) in enumerate(zip(state.slopes, state.through, state.weights))
    )
    return RingFit(
        pose=pose,
        spheres_mm=pose.spheres_mm() + moved,
        off_ring_mm=moved,
        sigma_mm=float(state.theta[_SIGMA]),
        level=float(state.theta[_LEVEL]),
        hot=state.theta[_HOT:_SHARED].copy(),
        data=data,
        gain=gain,
    )

"""Finding the IEC body phantom in a PET volume without a hint: the body, the ring of spheres, which sphere is which."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from photopeak.pet.iec_body_fit import RingFit, fit_ring
from photopeak.pet.iec_body_pose import (
    NEIGHBOURHOOD_MM,
    RING_RADIUS_MM,
    SPHERES_MM,
    Floats,
    Pose,
    SphereData,
    blurred_sphere,
    sphere_data,
)

COARSE_MM = 4.0
SEARCH_SIGMA_MM = 3.5  #: blur of the search templates; the fit finds the image's own
CENTRE_SEARCH_MM = 20.0  #: how far the ring's centre may lie from the centroid of the body's outline
STEP_DEG = 5
SMALLEST_BODY_MM2 = 1e4
BLURS_MM = (1.8, 2.6, 3.6, 5.0)

Volume32 = npt.NDArray[np.float32]
Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A coarse copy of the volume: `values[slice, row, column]` (block means), its grid in mm, the background level, the
    body's mask."""

    values: Floats
    smooth: Floats
    spacing_mm: Spacing
    origin_mm: tuple[float, float, float]
    level: float
    inside: npt.NDArray[np.bool_]


def coarse_copy(
    values: Volume32, spacing_mm: Spacing, coarse_mm: float = COARSE_MM
) -> tuple[Floats, Spacing, tuple[float, float, float]]:
    """Block means near `coarse_mm`, their spacing and the position of the first block's centre; one slab at a time."""
    factors = [
        max(1, round(coarse_mm / step)) if n >= round(coarse_mm / step) else 1 for step, n in zip(spacing_mm, values.shape)
    ]
    fz, fy, fx = factors
    nz, ny, nx = (n // f for n, f in zip(values.shape, factors))
    coarse = np.empty((nz, ny, nx))
    for k in range(nz):
        slab = np.add.reduce(values[k * fz : (k + 1) * fz, : ny * fy, : nx * fx], axis=0, dtype=np.float32)
        across = np.add.reduce(slab.reshape(ny, fy, nx * fx), axis=1, dtype=np.float64)
        coarse[k] = np.add.reduce(across.reshape(ny, nx, fx), axis=2) / (fz * fy * fx)
    steps = tuple(step * f for step, f in zip(spacing_mm, factors))
    origin = tuple(step * (f - 1) / 2 for step, f in zip(spacing_mm, factors))
    return coarse, (steps[0], steps[1], steps[2]), (origin[0], origin[1], origin[2])


def find_body(values: Volume32, spacing_mm: Spacing) -> Body | None:
    """The largest connected region above half the level that holds the most activity; None where nothing stands out."""
    coarse, steps, origin = coarse_copy(values, spacing_mm)
    smooth = ndimage.gaussian_filter(coarse, [3.0 / step for step in steps], mode="nearest")
    level = commonest_level(smooth)
    if level is None:
        return None
    labels, count = ndimage.label(smooth > level / 2)
    if count == 0:
        return None
    largest = 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    inside = labels == largest
    return Body(values=coarse, smooth=smooth, spacing_mm=steps, origin_mm=origin, level=level, inside=inside)


def commonest_level(smooth: Floats) -> float | None:
    """The activity level that holds most of the activity: the background fills the body, spheres and scatter hold little."""
    positive = smooth[smooth > 0]
    if positive.size == 0:
        return None
    top = float(np.percentile(positive, 99.99))
    kept = positive[positive > top / 1000]
    edges = np.linspace(np.log(top / 1000), np.log(top * 1.5), 160)
    held, _ = np.histogram(np.log(kept), bins=edges, weights=kept)
    held = ndimage.gaussian_filter1d(held, 2.0)
    middle = float(np.exp((edges[:-1] + edges[1:])[int(np.argmax(held))] / 2))
    around = kept[np.abs(np.log(kept / middle)) < 0.25]
    return float(np.median(around)) if around.size else middle


def find_ring(body: Body) -> RingFit | None:
    """The ring on the coarse copy, with the most likely of the twelve ways to put the six sizes on it; None where nothing
    is hot."""
    start = _best_ring(body)
    first = None if start is None else _fit_coarse(body, start)
    if first is None:
        return None
    likely = sorted(_misfits(body, first.pose), key=lambda pair: pair[0])[:3]
    fits = [fit for fit in (_fit_coarse(body, way) for _, way in likely) if fit is not None]
    return min(fits, key=lambda fit: _misfits(body, fit.pose, ways=((0, fit.pose.hand),))[0][0]) if fits else None


def _best_ring(body: Body) -> Pose | None:
    """Where six templates on a ring collect most excess, over slice, centre and angle (modulo 60°, either hand)."""
    top, left, inside = _cropped(body)
    excess = np.where(
        inside, np.clip(body.smooth[:, top:, left:][:, : inside.shape[1], : inside.shape[2]] - body.level, 0, None), 0.0
    )
    excess = np.minimum(excess, 15 * body.level)
    if not excess.any():
        return None
    collected = _collected(excess, body.spacing_mm)
    _, dy, dx = body.spacing_mm
    angles = np.radians(np.arange(0, 360, STEP_DEG))
    rows = np.rint(-RING_RADIUS_MM * np.sin(angles) / dy).astype(int)
    columns = np.rint(RING_RADIUS_MM * np.cos(angles) / dx).astype(int)
    reach_y, reach_x = round(CENTRE_SEARCH_MM / dy), round(CENTRE_SEARCH_MM / dx)
    best: tuple[float, Pose] | None = None
    strongest = collected[0].max(axis=(1, 2))
    for k in np.flatnonzero(strongest > 0.25 * strongest.max()):
        outline = ndimage.binary_fill_holes(inside[k])
        if outline is None or outline.sum() * dy * dx < SMALLEST_BODY_MM2:
            continue
        middle = ndimage.center_of_mass(outline)
        ys = round(middle[0]) + np.arange(-reach_y, reach_y + 1)
        xs = round(middle[1]) + np.arange(-reach_x, reach_x + 1)
        y = np.clip(ys[:, None, None] + rows, 0, excess.shape[1] - 1)
        x = np.clip(xs[None, :, None] + columns, 0, excess.shape[2] - 1)
        around = collected[:, k, y, x]  # [size, centre row, centre column, angle]
        for hand in (1, -1):
            score = sum(np.roll(around[j], -j * hand * 60 // STEP_DEG, axis=-1) for j in range(6))
            at = np.unravel_index(int(np.argmax(score)), score.shape)
            if best is None or score[at] > best[0]:
                index = (k, top + ys[at[0]], left + xs[at[1]])
                z, row, column = (o + s * i for o, s, i in zip(body.origin_mm, body.spacing_mm, index))
                pose = Pose(centre_mm=(float(z), float(row), float(column)), angle_deg=float(at[2] * STEP_DEG), hand=hand)
                best = float(score[at]), pose
    return None if best is None or best[0] <= 0 else best[1]


def _cropped(body: Body) -> tuple[int, int, npt.NDArray[np.bool_]]:
    """First row and column of the body's bounding box, and its mask inside that box."""
    rows = np.flatnonzero(body.inside.any(axis=(0, 2)))
    columns = np.flatnonzero(body.inside.any(axis=(0, 1)))
    return int(rows[0]), int(columns[0]), body.inside[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _collected(excess: Floats, spacing_mm: Spacing) -> npt.NDArray[np.float32]:
    """`excess` correlated with a blurred sphere of each size: [size, slice, row, column]."""
    half = [int(np.ceil((SPHERES_MM[0] / 2 + 6) / step)) for step in spacing_mm]
    z, y, x = (np.arange(-h, h + 1) * step for h, step in zip(half, spacing_mm))
    distance = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    shape = [fft.next_fast_len(n + 2 * h, real=True) for n, h in zip(excess.shape, half)]
    spectrum = fft.rfftn(excess.astype(np.float32), shape)
    part = tuple(slice(h, h + n) for h, n in zip(half, excess.shape))
    collected = np.empty((len(SPHERES_MM), *excess.shape), dtype=np.float32)
    for k, diameter in enumerate(SPHERES_MM):
        kernel = blurred_sphere(distance, diameter / 2, SEARCH_SIGMA_MM).astype(np.float32)
        collected[k] = fft.irfftn(spectrum * fft.rfftn(kernel, shape), shape)[part]
    return collected


def _fit_coarse(body: Body, start: Pose) -> RingFit | None:
    data = _coarse_data(body, start)
    if any(len(one.values) < 8 for one in data):
        return None
    fit = fit_ring(data, start, level=body.level, sigma_mm=SEARCH_SIGMA_MM, rounds=6, tolerance_mm=0.05)
    shift = np.linalg.norm(fit.pose.spheres_mm() - start.spheres_mm(), axis=1).max()
    return None if shift > 25 or fit.pose.tilt_deg > 15 else fit


def _coarse_data(body: Body, pose: Pose, reaches_mm: Floats | None = None) -> tuple[SphereData, ...]:
    origin = np.array(body.origin_mm)
    z, y, x = np.array(pose.centre_mm) - origin
    reach = np.array(SPHERES_MM) / 2 + NEIGHBOURHOOD_MM + 4.0 if reaches_mm is None else reaches_mm
    local = sphere_data(body.values, body.spacing_mm, replace(pose, centre_mm=(z, y, x)).spheres_mm(), reach)
    return tuple(SphereData(positions=one.positions + origin, values=one.values) for one in local)


TWELVE_WAYS = tuple((turn, hand) for hand in (1, -1) for turn in range(6))


def _misfits(body: Body, pose: Pose, ways: tuple[tuple[int, int], ...] = TWELVE_WAYS) -> list[tuple[float, Pose]]:
    """For each way to put the sizes on the six places of `pose`'s ring (turned by so many places, in that sense): squared
    residuals where all visible spheres share one excess, as spheres filled from one bottle do, at the best of several blurs.

    Free heights would let a ring shifted by one place explain a missing 37 mm sphere nearly as well. Every place is looked at
    as widely, whatever size is tried there: otherwise a small size would win by not looking.
    """
    base = replace(pose, hand=1)
    data, centres = _coarse_data(body, base, np.full(6, SPHERES_MM[0] / 2 + NEIGHBOURHOOD_MM)), base.spheres_mm()
    if any(len(one.values) < 8 for one in data):
        return [(np.inf, pose)]
    distances = [np.linalg.norm(one.positions - centre, axis=1) for one, centre in zip(data, centres)]
    excesses = [one.values - body.level for one in data]
    own = np.array([(e * e).sum() for e in excesses])
    table = np.arange(0.0, max(float(r.max()) for r in distances) + 0.5, 0.25)
    lowest = np.full(len(ways), np.inf)
    for sigma in BLURS_MM:
        profiles = [blurred_sphere(table, diameter / 2, sigma) for diameter in SPHERES_MM]
        shapes = [[np.interp(r, table, profile) for profile in profiles] for r in distances]
        cross = np.array([[(s * e).sum() for s in row] for row, e in zip(shapes, excesses)])
        power = np.array([[(s * s).sum() for s in row] for row in shapes])
        for n, (turn, hand) in enumerate(ways):
            places = (turn + hand * np.arange(6)) % 6  # of the sizes, counter-clockwise from the first
            cost = _shared_excess_cost(own[places], cross[places, np.arange(6)], power[places, np.arange(6)], body.level)
            lowest[n] = min(lowest[n], cost)
    turned = [replace(pose, angle_deg=pose.angle_deg + 60 * turn, hand=hand) for turn, hand in ways]
    return list(zip((float(cost) for cost in lowest), turned))


def _shared_excess_cost(own: Floats, cross: Floats, power: Floats, level: float) -> float:
    """Each sphere holds the shared excess or nothing of it; 37 and 28 mm may also be cold (NU 2-2012). Shared excess by
    least squares."""
    hot, height = np.ones(6, dtype=bool), 0.0
    cold = np.where(np.arange(6) < 2, own + 2 * level * cross + level**2 * power, np.inf)
    otherwise = np.minimum(own, cold)
    for _ in range(4):
        height = max(float(cross[hot].sum() / power[hot].sum()), 0.0)
        now = own - 2 * height * cross + height**2 * power < otherwise
        if not now.any() or (now == hot).all():
            break
        hot = now
    return float(np.minimum(own - 2 * height * cross + height**2 * power, otherwise).sum())

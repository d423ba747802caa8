"""Means over the spheres' discs and over the lung insert, and their noise; the noise of the ring's rotation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.pet.iec_body_fit import RingFit
from photopeak.pet.iec_body_pose import SPHERES_MM, Floats, blurred_sphere, tilted
from photopeak.pet.noise import Noise
from photopeak.pet.regions import covered_disc, interpolated_disc, read_plane, spline_weights

LUNG_DISC_MM = 30.0
_TRIM = 6  #: samples of the interpolation's memory kept for its noise

Floats32 = npt.NDArray[np.float32]
Spacing = tuple[float, float, float]


def nema_disc(
    values: Floats32, spacing_mm: Spacing, fit: RingFit, sphere: int, index: int, noise: Noise | None
) -> tuple[float, float]:
    """Mean and its standard uncertainty over the disc of `SPHERES_MM[sphere]` in slice `index`, pixels counted by covered
    part."""
    centre = fit.spheres_mm[sphere]
    shape = (values.shape[1], values.shape[2])
    region = covered_disc(shape, spacing_mm[1:], (float(centre[1]), float(centre[2])), float(SPHERES_MM[sphere]))
    mean = region.mean(values[index])
    if noise is None:
        return mean, 0.0
    expected = _expected(fit, sphere, spacing_mm, (slice(index, index + 1), *region.box))
    return mean, float(np.sqrt(noise.variance(region.weights[None], expected)))


def plane_disc(values: Floats32, spacing_mm: Spacing, fit: RingFit, sphere: int, noise: Noise | None) -> tuple[float, float]:
    """The same in the transverse plane through the sphere's fitted centre, by quintic interpolation in three dimensions."""
    centre = fit.spheres_mm[sphere]
    shape = (values.shape[1], values.shape[2])
    radius = SPHERES_MM[sphere] / 2
    region = interpolated_disc(shape, spacing_mm[1:], (float(centre[1]), float(centre[2])), 2 * radius)
    plane = read_plane(values, spacing_mm[0], float(centre[0]), region.box)
    mean = float((plane * region.weights).sum())
    if noise is None:
        return mean, 0.0
    rows, columns = (_near(centre[axis], radius, spacing_mm[axis], region.box[axis - 1]) for axis in (1, 2))
    slices = _near(centre[0], 0.0, spacing_mm[0], slice(0, values.shape[0]))
    along = spline_weights(np.array([centre[0] / spacing_mm[0] - slices.start]), slices.stop - slices.start)[0]
    inner = region.weights[
        rows.start - region.box[0].start : rows.stop - region.box[0].start,
        columns.start - region.box[1].start : columns.stop - region.box[1].start,
    ]
    expected = _expected(fit, sphere, spacing_mm, (slices, rows, columns))
    return mean, float(np.sqrt(noise.variance(along[:, None, None] * inner[None], expected)))


def _near(centre_mm: float, radius_mm: float, step_mm: float, within: slice) -> slice:
    low = int(np.floor((centre_mm - radius_mm) / step_mm)) - _TRIM
    high = int(np.ceil((centre_mm + radius_mm) / step_mm)) + _TRIM + 1
    return slice(max(low, within.start), min(high, within.stop))


def _expected(fit: RingFit, sphere: int, spacing_mm: Spacing, box: tuple[slice, slice, slice]) -> Floats:
    """The fitted sphere on the voxels of `box`."""
    z, y, x = (np.arange(part.start, part.stop) * step - c for part, step, c in zip(box, spacing_mm, fit.spheres_mm[sphere]))
    distance = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    expected: Floats = fit.level + max(float(fit.hot[sphere]), 0.0) * blurred_sphere(
        distance, SPHERES_MM[sphere] / 2, fit.sigma_mm
    )
    return expected


def rotation_u_deg(fit: RingFit, spacing_mm: Spacing, noise: Noise | None) -> float:
    """Standard uncertainty of the fitted rotation, in degrees: the noise of every sphere's voxels through the fit's own
    gain."""
    if noise is None:
        return 0.0
    total = 0.0
    for k, one in enumerate(fit.data):
        index = np.rint(one.positions / np.array(spacing_mm)).astype(int)
        low = index.min(axis=0)
        shape = tuple(int(n) for n in index.max(axis=0) - low + 1)
        gain, expected = np.zeros(shape), np.zeros(shape)
        where = tuple((index - low).T)
        gain[where] = fit.gain[k][3]
        distance = np.linalg.norm(one.positions - fit.spheres_mm[k], axis=1)
        expected[where] = fit.level + max(float(fit.hot[k]), 0.0) * blurred_sphere(distance, SPHERES_MM[k] / 2, fit.sigma_mm)
        total += noise.variance(gain, expected)
    return float(np.degrees(np.sqrt(total)))


@dataclass(frozen=True, slots=True, kw_only=True)
class LungInsert:
    """Mean of the 30 mm disc in each slice of the phantom near the spheres, and their mean with its standard uncertainty."""

    slices: tuple[int, ...]
    means: tuple[float, ...]
    mean: float
    mean_u: float


def lung_insert(values: Floats32, spacing_mm: Spacing, fit: RingFit, reach_mm: float, noise: Noise | None) -> LungInsert:
    """The insert's discs in every slice within `reach_mm` of the plane of the spheres, following the phantom's tilt."""
    shape = (values.shape[1], values.shape[2])
    centre = np.array(fit.pose.centre_mm)
    low = max(int(np.ceil((centre[0] - reach_mm) / spacing_mm[0] - 1e-6)), 0)
    high = min(int(np.floor((centre[0] + reach_mm) / spacing_mm[0] + 1e-6)), values.shape[0] - 1)
    axis = tilted(np.array([[1.0, 0.0, 0.0]]), fit.pose.tilt)[0]
    regions = []
    for k in range(low, high + 1):
        _, row, column = centre + axis * (k * spacing_mm[0] - centre[0]) / axis[0]
        regions.append(covered_disc(shape, spacing_mm[1:], (float(row), float(column)), LUNG_DISC_MM))
    means = tuple(region.mean(values[k]) for k, region in zip(range(low, high + 1), regions))
    mean = float(np.mean(means))
    if noise is None:
        return LungInsert(slices=tuple(range(low, high + 1)), means=means, mean=mean, mean_u=0.0)
    rows = slice(min(r.box[0].start for r in regions), max(r.box[0].stop for r in regions))
    columns = slice(min(r.box[1].start for r in regions), max(r.box[1].stop for r in regions))
    weights = np.zeros((len(regions), rows.stop - rows.start, columns.stop - columns.start))
    for n, region in enumerate(regions):
        r, c = region.box
        weights[n, r.start - rows.start : r.stop - rows.start, c.start - columns.start : c.stop - columns.start] = (
            region.weights
        )
    activity = np.abs(values[low : high + 1, rows, columns].astype(np.float64)) / np.sqrt(1 + noise.relative**2)
    u = float(np.sqrt(noise.variance(weights / len(regions), activity)))
    return LungInsert(slices=tuple(range(low, high + 1)), means=means, mean=mean, mean_u=u)

"""What the background regions say: concentration, variability (NEMA's N), voxel variation, each with its sampling
uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.pet.background_regions import COUNT, DIAMETER_MM, BackgroundPlacement
from photopeak.pet.iec_body_pose import INSERT_RADIUS_MM, NEIGHBOURHOOD_MM, SPHERES_MM, Floats
from photopeak.pet.noise import Noise, estimate_noise
from photopeak.pet.regions import Region, coefficient_disc, covered_disc, read_plane, spline_coefficients

OFFSETS_MM = (-20.0, -10.0, 0.0, 10.0, 20.0)  #: slices of the regions, from the plane of the spheres
NOISE_REACH_MM = 25.0  #: noise is read this far from the plane of the spheres
CLEAR_OF_WALL_MM = 10.0
MEMORY_MM = 20.0  #: the interpolation's memory beyond a region

Floats32 = npt.NDArray[np.float32]
Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Means of the regions: `means[method, sphere_mm]` is [region, slice]. Uncertainties are standard; `variability` in %."""

    concentration: float
    concentration_u: float
    variability: dict[tuple[str, int], tuple[float, float]]
    variation_percent: tuple[float, float]
    means: dict[tuple[str, int], Floats]
    slices: tuple[int, ...]
    noise: Noise | None


def background_slices(z_mm: float, step_mm: float, count: int) -> tuple[int, ...]:
    """The slices nearest to z, z ± 10 and z ± 20 mm."""
    return tuple(int(np.clip(round((z_mm + offset) / step_mm), 0, count - 1)) for offset in OFFSETS_MM)


def measure_background(
    values: Floats32, spacing_mm: Spacing, placement: BackgroundPlacement, z_mm: float, noise: Noise | None
) -> Background:
    """Means of the sixty regions of each size, by both methods, and what follows from them."""
    slices = background_slices(z_mm, spacing_mm[0], values.shape[0])
    planes = _planes(values, spacing_mm, placement, z_mm, slices)
    discs = {"nema": covered_disc, "plane": coefficient_disc}
    means: dict[tuple[str, int], Floats] = {}
    covered: dict[int, list[Region]] = {}
    for diameter in SPHERES_MM:
        for method, disc in discs.items():
            regions = [disc(values.shape[1:], spacing_mm[1:], centre, float(diameter)) for centre in placement.places()]
            means[method, diameter] = np.array([[region.mean(plane) for plane in planes[method]] for region in regions])
            covered[diameter] = covered.get(diameter, regions)
    concentration = float(means["nema", int(DIAMETER_MM)].mean())
    share = {diameter: _relative_u_of_sd(noise, covered[diameter][0], slices) for diameter in SPHERES_MM}
    percent = {key: 100 * float(found.std(ddof=1)) / concentration for key, found in means.items()}
    largest = covered[int(DIAMETER_MM)]
    return Background(
        concentration=concentration,
        concentration_u=_u_of_mean(noise, largest, slices) * concentration,
        variability={key: (value, value * share[key[1]]) for key, value in percent.items()},
        variation_percent=_variation(values, largest, slices, concentration, noise),
        means=means,
        slices=slices,
        noise=noise,
    )


def background_noise(
    values: Floats32, spacing_mm: Spacing, depth_mm: Floats, spheres_mm: Floats, centre_mm: Floats
) -> Noise | None:
    """Noise of the warm background near the plane of the spheres, clear of wall, spheres and insert."""
    reach = round(NOISE_REACH_MM / spacing_mm[0])
    middle = round(centre_mm[0] / spacing_mm[0])
    first, last = max(middle - reach, 0), min(middle + reach, values.shape[0] - 1)
    rows = np.flatnonzero((depth_mm > 0).any(axis=1))
    columns = np.flatnonzero((depth_mm > 0).any(axis=0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    z = np.arange(first, last + 1)[:, None, None] * spacing_mm[0]
    y = np.arange(rows[0], rows[-1] + 1)[None, :, None] * spacing_mm[1]
    x = np.arange(columns[0], columns[-1] + 1)[None, None, :] * spacing_mm[2]
    away = (y - centre_mm[1]) ** 2 + (x - centre_mm[2]) ** 2 > (INSERT_RADIUS_MM + CLEAR_OF_WALL_MM) ** 2
    clear = np.broadcast_to((depth_mm[window] > CLEAR_OF_WALL_MM)[None] & away, (len(z), *depth_mm[window].shape)).copy()
    for centre, diameter in zip(spheres_mm, SPHERES_MM):
        near = (diameter / 2 + NEIGHBOURHOOD_MM) ** 2
        clear &= (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 > near
    return estimate_noise(values[first : last + 1][(slice(None), *window)], spacing_mm, clear)


def _planes(
    values: Floats32, spacing_mm: Spacing, placement: BackgroundPlacement, z_mm: float, slices: tuple[int, ...]
) -> dict[str, list[npt.NDArray[Any]]]:
    """The five slices; and spline coefficients of the five planes interpolated exactly at their distances from the spheres,
    zero where no region reaches."""
    reach = DIAMETER_MM / 2 + MEMORY_MM
    low = np.floor((placement.centres_mm.min(axis=0) - reach) / spacing_mm[1:]).astype(int).clip(0)
    high = np.ceil((placement.centres_mm.max(axis=0) + reach) / spacing_mm[1:]).astype(int)
    window = slice(low[0], high[0] + 1), slice(low[1], high[1] + 1)
    interpolated = []
    for offset in OFFSETS_MM:
        coefficients = np.zeros(values.shape[1:])
        coefficients[window] = spline_coefficients(read_plane(values, spacing_mm[0], z_mm + offset, window))
        interpolated.append(coefficients)
    return {"nema": [values[k] for k in slices], "plane": interpolated}


def _slice_covariance(noise: Noise, region: Region, slices: tuple[int, ...], square: bool = False) -> Floats:
    """Covariance [slice, slice] of one region's means, per unit voxel variance."""
    by_step = {d: noise.plane_covariance(region.weights, d, square) for d in {abs(a - b) for a in slices for b in slices}}
    return np.array([[by_step[abs(a - b)] for b in slices] for a in slices])


def _relative_u_of_sd(noise: Noise | None, region: Region, slices: tuple[int, ...]) -> float:
    """u(SD)/SD of the sixty means: Var s² = 2 tr((MC)²)/(K−1)², with regions at one place in neighbouring slices correlated."""
    count = COUNT * len(slices)
    if noise is None or noise.relative == 0:
        return float(1 / np.sqrt(2 * (count - 1)))
    covariance = np.kron(np.eye(COUNT), _slice_covariance(noise, region, slices))
    centred = covariance - covariance.mean(axis=0)
    return float(np.sqrt(2 * (centred * centred.T).sum()) / (2 * np.trace(centred)))


def _u_of_mean(noise: Noise | None, regions: list[Region], slices: tuple[int, ...]) -> float:
    """Relative standard uncertainty of the mean of all regions; neighbours that touch are correlated a little."""
    if noise is None:
        return 0.0
    together = _together(regions, [region.weights / len(regions) for region in regions])
    return float(noise.relative * np.sqrt(max(_slice_covariance(noise, together, slices).sum(), 0.0))) / len(slices)


def _variation(
    values: Floats32, regions: list[Region], slices: tuple[int, ...], concentration: float, noise: Noise | None
) -> tuple[float, float]:
    """SD of the voxels whose centres lie in the sixty 37 mm regions, about their common mean, in % of the concentration."""
    voxels = np.concatenate([values[k][region.box][_inner(region)] for region in regions for k in slices]).astype(np.float64)
    percent = 100 * float(voxels.std(ddof=1)) / concentration
    if noise is None:
        return percent, percent / float(np.sqrt(2 * len(voxels)))
    together = _together(regions, [_inner(region).astype(np.float64) for region in regions])
    pairs = float(_slice_covariance(noise, together, slices, square=True).sum())
    return percent, percent * float(np.sqrt(2 * pairs)) / (2 * len(voxels))


def _together(regions: list[Region], weights: list[Floats]) -> Region:
    """One region that holds the weights of all."""
    low = [min(region.box[axis].start for region in regions) for axis in (0, 1)]
    high = [max(region.box[axis].stop for region in regions) for axis in (0, 1)]
    total = np.zeros((high[0] - low[0], high[1] - low[1]))
    for region, own in zip(regions, weights):
        rows, columns = (slice(part.start - a, part.stop - a) for part, a in zip(region.box, low))
        total[rows, columns] += own
    return Region(box=(slice(low[0], high[0]), slice(low[1], high[1])), weights=total)


def _inner(region: Region) -> npt.NDArray[np.bool_]:
    """Pixels that are at least half covered."""
    inner: npt.NDArray[np.bool_] = region.weights >= 0.5 * region.weights.max()
    return inner

"""Five ways to state how uniform a cylinder looks, from means of regions; noise only enlarges each, and by how much is computed.

Regions are read with the covered part of each pixel. Values in %.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.cylinder import Cylinder, axes_mm
from photopeak.evidence import Volume
from photopeak.pet.noise import Noise
from photopeak.pet.regions import covered_disc
from photopeak.spread import departure_uncertainty, scatter, without_noise

Floats = npt.NDArray[np.float64]

DISC_MM = 30.0  #: diameter of the five regions
CLEAR_OF_WALL_MM = 10.0
SQUARE_MM, SQUARES_WITHIN_MM = 10.0, 175.0  #: NEMA NU 2-1994
DRAWS, TOGETHER = 400, 25
FEW = ("five_regions", "tg126_axial", "eanm2023")  #: largest of so few departures that one can stand out of the noise
APART = 10.0  #: times the departures found, these stand out


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniformity:
    """One way's value, what noise adds to it on average, and its spread by noise; %."""

    method: str
    value: float
    noise_part: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionMeans:
    """`discs[slice, 5]` (centre first), `squares[slice, square]`, `slices[slice]`: means over activity, and their noise SD."""

    discs: Floats
    squares: Floats
    slices: Floats
    discs_u: float
    squares_u: float
    slices_u: float
    along: Floats  #: correlation[slice, slice] of the noise of one region


def region_means(volume: Volume, cylinder: Cylinder, part: slice, noise: Noise | None, inside: Floats) -> RegionMeans:
    """Means of every region in every slice of `part`, relative to the mean of all; `inside[row, column]` is what a slice is
    measured by."""
    planes = volume.values[part].astype(np.float64)
    z_mm, y_mm, x_mm = axes_mm(volume)
    corner = float(y_mm[0]), float(x_mm[0])
    rows, columns = volume.spacing_mm[1:]
    across = cylinder.radius_mm - DISC_MM / 2 - CLEAR_OF_WALL_MM
    offsets = [(0.0, 0.0), (-across, 0.0), (0.0, across), (across, 0.0), (0.0, -across)]
    discs, squares = [], []
    square_weights: tuple[Floats, Floats, npt.NDArray[np.bool_]] | None = None
    disc_weights: Floats | None = None
    for plane, z in zip(planes, z_mm[part]):
        x, y = cylinder.axis_at(float(z))
        centre = y - corner[0], x - corner[1]
        regions = [
            covered_disc(plane.shape, (rows, columns), (centre[0] + down, centre[1] + right), DISC_MM)
            for down, right in offsets
        ]
        discs.append([region.mean(plane) for region in regions])
        disc_weights = regions[0].weights
        square_weights = _square_weights(plane.shape, (rows, columns), centre, cylinder.radius_mm)
        down, right, kept = square_weights
        squares.append((down @ plane @ right.T)[kept])
    level = float((planes * inside).sum() / inside.sum() / len(planes))
    slices = (planes * inside).sum(axis=(1, 2)) / inside.sum()
    down, right, kept = square_weights or (np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1), dtype=np.bool_))
    one = np.outer(down[len(down) // 2], right[len(right) // 2])
    return RegionMeans(
        discs=np.array(discs) / level,
        squares=np.array(squares) / level,
        slices=slices / level,
        discs_u=_noise_of(noise, disc_weights),
        squares_u=_noise_of(noise, one),
        slices_u=_noise_of(noise, inside / inside.sum()),
        along=_along(noise, disc_weights, len(planes)),
    )


def _along(noise: Noise | None, weights: Floats | None, count: int) -> Floats:
    """Correlation of a region's noise between slices."""
    if noise is None or weights is None or noise.relative == 0:
        return np.eye(count)
    own = noise.plane_covariance(weights, 0)
    lags = np.array([noise.plane_covariance(weights, k) / own for k in range(count)])
    index = np.arange(count)
    matrix: Floats = lags[np.abs(index[:, None] - index[None, :])]
    return matrix


def _noise_of(noise: Noise | None, weights: Floats | None) -> float:
    if noise is None or weights is None:
        return 0.0
    return noise.relative * math.sqrt(max(noise.plane_covariance(weights, 0), 0.0))


def _square_weights(
    shape: tuple[int, ...], pixel_mm: tuple[float, float], centre: tuple[float, float], radius_mm: float
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Weights [square, row], [square, column] of a grid of squares, and which of them lie in the circle with all corners."""
    reach = min(SQUARES_WITHIN_MM / 2, radius_mm - CLEAR_OF_WALL_MM)
    half = int(reach // SQUARE_MM)
    at = (np.arange(-half, half + 1)) * SQUARE_MM
    covers = []
    for count, step, middle in zip(shape, pixel_mm, centre):
        low = (np.arange(count) - 0.5) * step - middle
        cover = np.minimum(low + step, (at + SQUARE_MM / 2)[:, None]) - np.maximum(low, (at - SQUARE_MM / 2)[:, None])
        cover = np.clip(cover, 0.0, None)
        covers.append(cover / np.maximum(cover.sum(axis=1, keepdims=True), 1e-12))
    corner = np.abs(at) + SQUARE_MM / 2
    kept = np.hypot(corner[:, None], corner[None, :]) <= reach
    return covers[0], covers[1], kept


def five_regions(discs: Floats) -> Floats:
    """Largest departure of the five regions, averaged along the axis, from their mean."""
    means = discs.mean(axis=-2)
    centre = means.mean(axis=-1, keepdims=True)
    found: Floats = 100 * np.abs(means / centre - 1).max(axis=-1)
    return found


def integral_by_slice(discs: Floats) -> Floats:
    """AAPM TG-126: (max − min)/(max + min) of the five regions, of the worst slice."""
    top, low = discs.max(axis=-1), discs.min(axis=-1)
    found: Floats = 100 * ((top - low) / (top + low)).max(axis=-1)
    return found


def integral_along(discs: Floats) -> Floats:
    """AAPM TG-126: (max − min)/(max + min) of the slices, by the mean of their five regions."""
    means = discs.mean(axis=-1)
    top, low = means.max(axis=-1), means.min(axis=-1)
    found: Floats = 100 * (top - low) / (top + low)
    return found


def by_squares(squares: Floats) -> Floats:
    """NEMA NU 2-1994: largest departure of a square from the mean of its slice, of the worst slice."""
    centre = squares.mean(axis=-1, keepdims=True)
    found: Floats = 100 * np.abs(squares / centre - 1).max(axis=(-2, -1))
    return found


def by_slices(slices: Floats) -> Floats:
    """EANM 2023: largest departure of a slice's mean from the mean of all."""
    found: Floats = 100 * np.abs(slices / slices.mean(axis=-1, keepdims=True) - 1).max(axis=-1)
    return found


def uniformities(means: RegionMeans) -> tuple[Uniformity, ...]:
    """All ways. What noise explains of the differences is drawn again on top of what it does not."""
    ways: tuple[tuple[str, Callable[[Floats], Floats], Floats, float], ...] = (
        ("five_regions", five_regions, means.discs, means.discs_u),
        ("tg126_slice", integral_by_slice, means.discs, means.discs_u),
        ("tg126_axial", integral_along, means.discs, means.discs_u),
        ("nema1994", by_squares, means.squares, means.squares_u),
        ("eanm2023", by_slices, means.slices, means.slices_u),
    )
    values, vectors = np.linalg.eigh(means.along)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return tuple(_one(*way, means.along, root) for way in ways)


def _one(
    method: str, statistic: Callable[[Floats], Floats], values: Floats, noise: float, along: Floats, root: Floats
) -> Uniformity:
    measured = float(statistic(values))
    if noise == 0:
        return Uniformity(method=method, value=measured, noise_part=0.0, spread=0.0)
    base = _beyond_noise(values, noise, along)
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(values).tobytes()))
    draws = _drawn(statistic, base, noise, root, rng)
    added = min(max(float(draws.mean()) - float(statistic(base)), 0.0), measured)
    if method not in FEW:
        return Uniformity(method=method, value=measured, noise_part=added, spread=scatter(draws))
    flat = _drawn(statistic, np.full_like(values, float(values.mean())), noise, root, rng)
    apart = _drawn(statistic, values.mean() + APART * (_additive(values) - values.mean()), noise, root, rng)
    spread = departure_uncertainty(measured, flat, scatter(apart))
    return Uniformity(method=method, value=measured, noise_part=added, spread=spread)


def _drawn(statistic: Callable[[Floats], Floats], base: Floats, noise: float, root: Floats, rng: np.random.Generator) -> Floats:
    """The statistic of noisy copies of `base`, with the correlation between slices whose root is given."""
    fields = (np.tensordot(rng.standard_normal((TOGETHER, *base.shape)), root, axes=(1, 1)) for _ in range(DRAWS // TOGETHER))
    return np.concatenate([statistic(base + noise * np.moveaxis(one, -1, 1)) for one in fields])


def _additive(values: Floats) -> Floats:
    """Means of slices and means of regions together, without what is left."""
    if values.ndim == 1:
        return values
    found: Floats = values.mean(axis=1)[:, None] + values.mean(axis=0)[None, :] - float(values.mean())
    return found


def _beyond_noise(values: Floats, noise: float, along: Floats) -> Floats:
    """`values` with the part of their differences, between slices and between regions, that noise may explain taken out."""
    if values.ndim == 1:
        return without_noise(values, noise, along)
    rows = without_noise(values.mean(axis=1), noise / math.sqrt(values.shape[1]), along)
    columns = without_noise(values.mean(axis=0), noise * math.sqrt(float(along.mean())))
    found: Floats = rows[:, None] + columns[None, :] - float(values.mean())
    return found

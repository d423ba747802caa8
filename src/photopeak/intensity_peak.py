"""Highest mean of a sphere of 1 mL in an image: SUVpeak, SULpeak, the IBSI intensity peaks.

A voxel belongs to a sphere when its centre lies within the radius; voxels outside the lesion and inside the image count (IBSI reference
manual 3.2). The *local* peak is that of the sphere about the hottest voxel of the lesion, the highest one where several voxels tie; the
*global* peak is the highest over all voxels of the lesion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float64]

RADIUS_MM = float((3000 / (4 * np.pi)) ** (1 / 3))  #: of a sphere of 1 mL: 6.2035 mm


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """Local and global peak in the unit of the image; `at`: voxel (slice, row, column) of the global one; `tied`: hottest voxels."""

    local: float
    highest: float
    at: tuple[int, int, int]
    tied: int


def intensity_peaks(
    values: npt.NDArray[np.floating],
    mask: npt.NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    radius_mm: float = RADIUS_MM,
) -> Peaks:
    """Peaks of the voxels `mask[slice, row, column]` in `values` of the same shape. ValueError: an empty mask."""
    places = np.argwhere(mask)
    if not len(places):
        raise ValueError("the lesion has no voxel")
    reach = [int(radius_mm // step) for step in spacing_mm]
    low = np.maximum(places.min(axis=0) - reach, 0)
    high = np.minimum(places.max(axis=0) + np.array(reach) + 1, values.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high))
    part, inside = values[box].astype(np.float64), mask[box]
    ball = _ball(spacing_mm, reach, radius_mm)
    sums = ndimage.correlate(part, ball, mode="constant")
    # a sphere that leaves the image is the mean of what is left of it; the box is cut only where the image ends
    counts = ndimage.correlate(np.ones_like(part), ball, mode="constant")
    means = np.where(inside, sums / np.maximum(counts, 1), -np.inf)
    hottest = inside & (part == part[inside].max())
    at = np.unravel_index(int(np.argmax(means)), means.shape)
    return Peaks(
        local=float(means[hottest].max()),
        highest=float(means[at]),
        at=(int(at[0] + low[0]), int(at[1] + low[1]), int(at[2] + low[2])),
        tied=int(hottest.sum()),
    )


def _ball(spacing_mm: tuple[float, float, float], reach: list[int], radius_mm: float) -> Floats:
    axes = [np.arange(-n, n + 1) * step for n, step in zip(reach, spacing_mm)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.asarray(z**2 + y**2 + x**2 <= radius_mm**2, dtype=np.float64)

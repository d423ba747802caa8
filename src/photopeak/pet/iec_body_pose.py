"""Where the IEC body phantom's spheres lie: six on a ring, sizes falling round it, in any rotation, shift, flip or small tilt.

Positions are mm (slice, row, column) from the centre of voxel (0, 0, 0). Angles are those of the picture as displayed, with
rows running downwards: counter-clockwise positive, 0 along the columns to the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import erf

Floats = npt.NDArray[np.float64]

SPHERES_MM = (37, 28, 22, 17, 13, 10)  #: inner diameters, in their order round the ring
RING_RADIUS_MM = 57.2
INSERT_RADIUS_MM = 25.0  #: lung insert, in the centre of the ring
NEIGHBOURHOOD_MM = 8.0  #: a sphere's neighbourhood reaches this far beyond its surface
SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))

_RADII = np.array(SPHERES_MM) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """The ring in the image. `hand` is +1 where the sizes fall counter-clockwise as displayed, −1 where clockwise.

    `angle_deg` is the direction from the ring's centre to the 37 mm sphere; `tilt` the rotation vector (about the column
    axis, about the row axis), in radians, that takes the transverse plane to the plane of the ring.
    """

    centre_mm: tuple[float, float, float]
    angle_deg: float
    hand: int
    tilt: tuple[float, float] = (0.0, 0.0)

    @property
    def tilt_deg(self) -> float:
        return float(np.degrees(np.hypot(*self.tilt)))

    def spheres_mm(self) -> Floats:
        """Centres [sphere, (slice, row, column)], in the order of SPHERES_MM."""
        angles = np.radians(self.angle_deg) + self.hand * np.arange(6) * np.pi / 3
        flat = RING_RADIUS_MM * np.stack([np.zeros(6), -np.sin(angles), np.cos(angles)], axis=1)
        return np.array(self.centre_mm) + tilted(flat, self.tilt)

    def parameters(self) -> Floats:
        return np.array([*self.centre_mm, np.radians(self.angle_deg), *self.tilt])

    @classmethod
    def of(cls, parameters: Floats, hand: int) -> Pose:
        z, y, x, angle, about_column, about_row = (float(value) for value in parameters)
        degrees = (np.degrees(angle) + 180) % 360 - 180
        return cls(centre_mm=(z, y, x), angle_deg=float(degrees), hand=hand, tilt=(about_column, about_row))


def tilted(offsets: Floats, tilt: tuple[float, float]) -> Floats:
    """`offsets[point, (slice, row, column)]` turned by the rotation vector `tilt` = (about column axis, about row axis)."""
    angle = float(np.hypot(*tilt))
    if angle == 0.0:
        return offsets
    axis = np.array([0.0, tilt[1], tilt[0]]) / angle
    across = np.cross(axis, offsets)
    along = (offsets @ axis)[:, None] * axis
    turned: Floats = offsets * np.cos(angle) + across * np.sin(angle) + along * (1 - np.cos(angle))
    return turned


def blurred_sphere(distance_mm: npt.ArrayLike, radius_mm: float, sigma_mm: float) -> Floats:
    """A ball of height 1 convolved with a 3-D Gaussian, at `distance_mm` from its centre (exact)."""
    r = np.maximum(np.asarray(distance_mm, dtype=np.float64), 1e-3 * sigma_mm)
    near, far = (r - radius_mm) / (np.sqrt(2) * sigma_mm), (r + radius_mm) / (np.sqrt(2) * sigma_mm)
    caps = sigma_mm / (np.sqrt(2 * np.pi) * r) * (np.exp(-(near**2)) - np.exp(-(far**2)))
    value: Floats = np.maximum(0.5 * (erf(far) - erf(near)) - caps, 0.0)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """The voxels round one sphere: a box of the volume and the positions of its voxels along the three axes, in mm."""

    corner: tuple[int, int, int]
    box: tuple[slice, slice, slice]
    axes_mm: tuple[Floats, Floats, Floats]

    def distances_mm(self, centre_mm: Floats) -> Floats:
        """Distance of every voxel of the box from `centre_mm`."""
        z, y, x = (axis - c for axis, c in zip(self.axes_mm, centre_mm))
        distance: Floats = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
        return distance


def neighbourhood(
    shape: tuple[int, ...], spacing_mm: tuple[float, float, float], centre_mm: Floats, reach_mm: float
) -> Neighbourhood:
    """The box of voxels within `reach_mm` of `centre_mm` along each axis, cut at the edges of the volume."""
    low = [int(np.clip(np.ceil((c - reach_mm) / s), 0, n - 1)) for c, s, n in zip(centre_mm, spacing_mm, shape)]
    high = [int(np.clip(np.floor((c + reach_mm) / s), 0, n - 1)) for c, s, n in zip(centre_mm, spacing_mm, shape)]
    z, y, x = (slice(a, max(b, a) + 1) for a, b in zip(low, high))
    axes: list[Floats] = [
        np.arange(part.start, part.stop, dtype=np.float64) * step for part, step in zip((z, y, x), spacing_mm)
    ]
    return Neighbourhood(corner=(z.start, y.start, x.start), box=(z, y, x), axes_mm=(axes[0], axes[1], axes[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class SphereData:
    """Voxels near one sphere: `positions[voxel, axis]` in mm and their `values`."""

    positions: Floats
    values: Floats


def sphere_data(
    values: npt.NDArray[Any], spacing_mm: tuple[float, float, float], centres_mm: Floats, reaches_mm: Floats | None = None
) -> tuple[SphereData, ...]:
    """The voxels within NEIGHBOURHOOD_MM of each sphere's surface (or within `reaches_mm` of each centre)."""
    found = []
    for centre, reach in zip(centres_mm, _RADII + NEIGHBOURHOOD_MM if reaches_mm is None else reaches_mm):
        near = neighbourhood(values.shape, spacing_mm, centre, float(reach))
        inside = near.distances_mm(centre) <= reach
        grid = np.stack(np.meshgrid(*near.axes_mm, indexing="ij"), axis=-1)
        found.append(SphereData(positions=grid[inside], values=values[near.box][inside].astype(np.float64)))
    return tuple(found)

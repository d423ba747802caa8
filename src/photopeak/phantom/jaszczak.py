"""The Jaszczak phantom as voxels: a cylinder with six spheres on a ring, a uniform section, and six sectors of rods.

Millimetres from the centre of the volume: x along columns, y along rows, z along slices. Walls are averaged over each voxel by
its distance to the surface, spheres and rods over 5 points along each side of a voxel.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from photopeak.evidence import Volume
from photopeak.phantom.as_dicom import write_volume
from photopeak.profile import FWHM_PER_SIGMA
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

SOLID_SPHERES_MM = (31.8, 25.4, 19.1, 15.9, 12.7, 9.5)
LARGE_SPHERES_MM = (38.0, 31.8, 25.4, 19.1, 15.9, 12.7)
RODS_MM = (12.7, 11.1, 9.5, 7.9, 6.4, 4.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jaszczak:
    """Sizes and pose. `rotation_deg`: the largest sphere's direction from x towards y; the others follow every 60 degrees that
    way, or the other way when `mirrored`. `sphere_value` and the background are in the units of the volume; 0 is cold.
    """

    spheres_mm: tuple[float, ...] = LARGE_SPHERES_MM
    ring_radius_mm: float = 57.0
    radius_mm: float = 108.0
    height_mm: float = 186.0
    sphere_height_mm: float = 127.0  #: of the sphere plane above the base
    rods_mm: tuple[float, ...] = RODS_MM
    rod_height_mm: float = 88.0
    rotation_deg: float = 0.0
    mirrored: bool = False
    upside_down: bool = False
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)  #: x, y, z
    background: float = 1000.0
    sphere_value: float = 0.0

    def sphere_centre_mm(self, index: int) -> tuple[float, float, float]:
        """x, y, z of the centre of the sphere of this rank."""
        turn = -60.0 if self.mirrored else 60.0
        angle = math.radians(self.rotation_deg + turn * index)
        up = self._up(self.sphere_height_mm)
        return (
            self.shift_mm[0] + self.ring_radius_mm * math.cos(angle),
            self.shift_mm[1] + self.ring_radius_mm * math.sin(angle),
            self.shift_mm[2] + up,
        )

    def _up(self, height_mm: float) -> float:
        """z, from the middle of the cylinder, of a height above its base."""
        return (self.height_mm / 2 - height_mm) * (-1.0 if not self.upside_down else 1.0)


def jaszczak(
    phantom: Jaszczak,
    *,
    shape: tuple[int, int, int] = (64, 128, 128),
    spacing_mm: tuple[float, float, float] = (4.0, 4.0, 4.0),
    fwhm_mm: float = 0.0,
) -> Volume:
    """values[slice, row, column] of the phantom, blurred by a Gaussian of `fwhm_mm` in all directions."""
    z, y, x = (_centred(n, mm) - s for mm, n, s in zip(spacing_mm, shape, phantom.shift_mm[::-1]))
    mm = float(np.mean(spacing_mm))
    disc = _inside(phantom.radius_mm - np.hypot(x[None, :], y[:, None]), mm)
    tall = _inside(phantom.height_mm / 2 - np.abs(z), spacing_mm[0])
    values = phantom.background * tall[:, None, None] * disc
    if phantom.rods_mm:
        values *= 1 - _rods(phantom, x, y, mm) * _rod_slices(phantom, z, spacing_mm[0])[:, None, None]
    for index, diameter_mm in enumerate(phantom.spheres_mm):
        centre = [a - s for a, s in zip(phantom.sphere_centre_mm(index), phantom.shift_mm)]
        box = tuple(_near(axis, at, diameter_mm / 2 + mm) for axis, at in zip((z, y, x), centre[::-1]))
        part = _ball_share([axis[b] - at for axis, b, at in zip((z, y, x), box, centre[::-1])], spacing_mm, diameter_mm)
        values[box] += part * (phantom.sphere_value - values[box])
    if fwhm_mm > 0:
        values = gaussian_filter(values, [fwhm_mm / FWHM_PER_SIGMA / step for step in spacing_mm])
    return Volume(values=values.astype(np.float32), spacing_mm=spacing_mm, units="CNTS")


def sphere_ratio(phantom: Jaszczak, volume: Volume, index: int, background: float | None = None) -> float:
    """Mean of the voxels whose centre lies in the sphere, over the background built in."""
    axes = [_centred(n, mm) for mm, n in zip(volume.spacing_mm, volume.values.shape)]
    x, y, z = phantom.sphere_centre_mm(index)
    away2 = (axes[0] - z)[:, None, None] ** 2 + (axes[1] - y)[None, :, None] ** 2 + (axes[2] - x)[None, None, :] ** 2
    inside = volume.values[away2 <= (phantom.spheres_mm[index] / 2) ** 2]
    return float(inside.mean(dtype=np.float64)) / (background or phantom.background)


def _centred(size: int, mm: float) -> Floats:
    return np.asarray(mm * (np.arange(size) - (size - 1) / 2), dtype=np.float64)


def _inside(depth_mm: Floats, mm: float) -> Floats:
    """Share of a voxel that lies inside a surface, from the depth of its centre below it."""
    share: Floats = np.clip(0.5 + depth_mm / mm, 0.0, 1.0)
    return share


def _near(axis: Floats, at_mm: float, reach_mm: float) -> slice:
    found = np.flatnonzero(np.abs(axis - at_mm) <= reach_mm)
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)


def _ball_share(from_centre_mm: list[Floats], spacing_mm: tuple[float, float, float], diameter_mm: float) -> Floats:
    """Share of every voxel of a box inside a ball, from 5 x 5 x 5 points in each."""
    fine = (np.arange(5) - 2) / 5
    z, y, x = ((axis[:, None] + mm * fine).ravel() for axis, mm in zip(from_centre_mm, spacing_mm))
    away = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    share = _inside(diameter_mm / 2 - away, float(np.mean(spacing_mm)) / 5)
    sizes = [len(axis) for axis in from_centre_mm]
    return np.asarray(share.reshape(sizes[0], 5, sizes[1], 5, sizes[2], 5).mean(axis=(1, 3, 5)), dtype=np.float64)


def _rod_slices(phantom: Jaszczak, z: Floats, mm: float) -> Floats:
    low, high = sorted((phantom._up(0.0), phantom._up(phantom.rod_height_mm)))
    return _inside(z - low, mm) * _inside(high - z, mm)


def rod_centres_mm(phantom: Jaszczak, sector: int) -> Floats:
    """x, y of every rod of a sector, in the cylinder's frame: a triangular lattice of twice the diameter in a 60° wedge."""
    diameter = phantom.rods_mm[sector]
    turn = -60.0 if phantom.mirrored else 60.0
    middle = math.radians(phantom.rotation_deg + turn * sector)
    outward = np.array([math.cos(middle), math.sin(middle)])
    across = np.array([-outward[1], outward[0]])
    pitch, places = 2 * diameter, []
    row = 0
    first_mm = 1.6 * diameter
    while first_mm + row * pitch * math.sqrt(3) / 2 + diameter / 2 < 0.96 * phantom.radius_mm:
        away = first_mm + row * pitch * math.sqrt(3) / 2
        for column in range(row + 1):
            place = away * outward + (column - row / 2) * pitch * across
            if np.hypot(*place) + diameter / 2 < 0.96 * phantom.radius_mm:
                places.append(place)
        row += 1
    return np.asarray(places, dtype=np.float64)


def _rods(phantom: Jaszczak, x: Floats, y: Floats, mm: float) -> Floats:
    """Share of each pixel filled by rods, averaged over 5 x 5 points so that the small ones keep their area."""
    fine = (np.arange(5) - 2) / 5
    xs = (x[:, None] + mm * fine).ravel()
    ys = (y[:, None] + mm * fine).ravel()
    filled = np.zeros((len(ys), len(xs)))
    for sector, diameter in enumerate(phantom.rods_mm):
        for place in rod_centres_mm(phantom, sector):
            columns = np.flatnonzero(np.abs(xs - place[0]) < diameter)
            rows = np.flatnonzero(np.abs(ys - place[1]) < diameter)
            if len(rows) and len(columns):
                part = np.ix_(rows, columns)
                away = np.hypot(xs[columns][None, :] - place[0], ys[rows][:, None] - place[1])
                filled[part] = np.maximum(filled[part], _inside(diameter / 2 - away, mm / 5))
    return np.asarray(filled.reshape(len(y), 5, len(x), 5).mean(axis=(1, 3)), dtype=np.float64)


def jaszczak_files(
    out: Path,
    *,
    seed: int = 0,
    rotation_deg: Annotated[float, Words("rotation, degrees", "旋转角，度")] = 20.0,
    mirrored: Annotated[bool, Words("mirrored", "镜像")] = False,
    fwhm_mm: Annotated[float, Words("blur, FWHM in mm", "模糊程度（半高宽，mm）")] = 11.0,
    noise_percent: Annotated[float, Words("noise of a voxel, % of the background", "体素噪声（占本底的百分比）")] = 4.0,
) -> tuple[Path, ...]:
    """A Jaszczak reconstruction with known sphere ratios as one NM file, with truth.json beside it."""
    phantom = Jaszczak(rotation_deg=rotation_deg, mirrored=mirrored, shift_mm=(3.0, -5.0, 4.0))
    clean = jaszczak(phantom, fwhm_mm=fwhm_mm)
    noise = np.random.default_rng(seed).normal(size=clean.values.shape) * noise_percent / 100 * phantom.background
    values = np.maximum(clean.values + noise * (clean.values > 0.2 * phantom.background), 0.0)
    files = write_volume(
        out, values, spacing_mm=clean.spacing_mm, modality="NM", series_description="Jaszczak reconstruction", seed=seed
    )
    ratios = {str(mm): round(sphere_ratio(phantom, clean, n), 4) for n, mm in enumerate(phantom.spheres_mm)}
    told: Mapping[str, object] = {
        "procedure": "spect.tomographic_contrast",
        "sphere_to_background": ratios,
        "phantom": asdict(phantom),
    }
    truth = out / "truth.json"
    truth.write_text(json.dumps(told, indent=1), "utf-8")
    return (*files, truth)

"""The cylinder of a PET phantom, its uniform slices, and the mean and the noise of those.

Shared by the phantoms whose body is a cylinder. Positions are mm from the centre of the volume.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from photopeak.cylinder import FEWEST_SLICES as FEWEST_ROUND
from photopeak.cylinder import Cylinder, axes_mm, find_cylinder, uniform_slices
from photopeak.evidence import Volume
from photopeak.once import once_per_volume
from photopeak.pet.noise import Noise, estimate_noise
from photopeak.words import Words

FROM_WALL_MM = 20.0
NOISE_SLICES = 24
FEWEST_SLICES = 3
MOST = 0.6  #: of the activity lies in the cylinder
COARSE_MM = 4.0  #: the cylinder is looked for on pixels of about this size
GLANCE_MM = 8.0  #: blocks of a first look, which spares most patients and other phantoms the search
GLANCE_ROUNDNESS, GLANCE_MOST = 0.85, 0.5
_ELSEWHERE = Words("most of the activity lies outside of the round part", "大部分活度位于圆形区域之外")


@once_per_volume
def locate_cylinder(volume: Volume) -> tuple[Cylinder, slice] | Words:
    """The cylinder and its uniform slices; looked for on coarse pixels, which changes neither its axis nor its radius."""
    factors = [max(1, round(COARSE_MM / mm)) if mm < COARSE_MM / 1.5 else 1 for mm in volume.spacing_mm[1:]]
    rows, columns = (n - n % f for n, f in zip(volume.values.shape[1:], factors))
    if min(rows, columns) < 16 or len(volume.values) < 3:
        return Words("the images are too small", "图像过小")
    if (at_once := _at_a_glance(volume)) is not None:
        return at_once
    coarse = replace(
        volume,
        values=_block_means(volume.values[:, :rows, :columns], factors),
        spacing_mm=(volume.spacing_mm[0], volume.spacing_mm[1] * factors[0], volume.spacing_mm[2] * factors[1]),
    )
    found = find_cylinder(coarse)
    if isinstance(found, Words):
        return found
    part = uniform_slices(coarse, found)
    if part.stop - part.start < FEWEST_SLICES:
        return Words("no uniform slices", "没有均匀层面")
    if not _holds_most(coarse, found):
        return _ELSEWHERE
    # What was cut off at the far edge moves the middle of the matrix.
    down = (volume.values.shape[1] - rows) * volume.spacing_mm[1] / 2
    right = (volume.values.shape[2] - columns) * volume.spacing_mm[2] / 2
    return replace(found, start_mm=(found.start_mm[0] - right, found.start_mm[1] - down)), part


def _block_means(values: npt.NDArray[np.float32], factors: list[int]) -> npt.NDArray[np.float32]:
    """Means over blocks of pixels [row, column], slice by slice; added as whole images, which is faster than block by block."""
    parts = [values[:, i :: factors[0], j :: factors[1]] for i in range(factors[0]) for j in range(factors[1])]
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    total *= np.float32(1 / len(parts))
    return total


def _at_a_glance(volume: Volume) -> Words | None:
    """Why no cylinder can be in it, from blocks of about 8 mm and bounds that every cylinder keeps; None where one may be."""
    factors = [max(1, min(round(GLANCE_MM / mm), n // 4)) for mm, n in zip(volume.spacing_mm, volume.values.shape)]
    nz, ny, nx = (n // f for n, f in zip(volume.values.shape, factors))
    fz, fy, fx = factors
    blocks = np.empty((nz, ny, nx), dtype=np.float32)
    for k in range(nz):
        slab = volume.values[k * fz : (k + 1) * fz, : ny * fy, : nx * fx].mean(axis=0, dtype=np.float32)
        blocks[k] = slab.reshape(ny, fy, nx, fx).mean(axis=(1, 3))
    down, row, column = (f * mm for f, mm in zip(factors, volume.spacing_mm))
    coarse = replace(volume, values=blocks, spacing_mm=(down, row, column))
    found = find_cylinder(coarse, roundness=GLANCE_ROUNDNESS, fewest=max(1, FEWEST_ROUND // fz - 1))
    if isinstance(found, Words):
        return found
    return None if _holds_most(coarse, found, GLANCE_MOST) else _ELSEWHERE


def _holds_most(volume: Volume, cylinder: Cylinder, most: float = MOST) -> bool:
    """Whether most of the activity is in the cylinder: a head is round as well, but the rest of the patient is elsewhere."""
    _, y_mm, x_mm = axes_mm(volume)
    x, y = cylinder.axis_at(0.0)
    wide = np.hypot(x_mm[None, :] - x, y_mm[:, None] - y) <= 1.2 * cylinder.radius_mm
    total = float(volume.values.sum(dtype=np.float64))
    inside = float(volume.values[cylinder.first : cylinder.last + 1][:, wide].sum(dtype=np.float64))
    return inside > most * total


def inside_section(volume: Volume, cylinder: Cylinder) -> npt.NDArray[np.bool_]:
    """Mask[row, column] of the pixels of a slice that are clear of the wall."""
    _, y_mm, x_mm = axes_mm(volume)
    x, y = cylinder.axis_at(0.0)
    reach = min(cylinder.radius_mm - FROM_WALL_MM, 0.8 * cylinder.radius_mm)
    found: npt.NDArray[np.bool_] = np.hypot(x_mm[None, :] - x, y_mm[:, None] - y) <= reach
    return found


def section_noise(volume: Volume, part: slice, inside: npt.NDArray[np.bool_]) -> Noise | None:
    """Noise about each slice's own mean and each pixel's own, so that neither counts as noise."""
    middle = (part.start + part.stop) // 2
    first, last = max(part.start, middle - NOISE_SLICES // 2), min(part.stop, middle + NOISE_SLICES // 2)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    values = volume.values[first:last, box[0], box[1]].astype(np.float32)
    mask = inside[box]
    level = float(values[:, mask].mean())
    if level <= 0:
        return None
    smooth = values - values[:, mask].mean(axis=1)[:, None, None]
    slab = _radial(smooth.mean(axis=0), mask)
    clear = np.broadcast_to(mask, values.shape)
    return estimate_noise(np.where(clear, smooth - slab + np.float32(level), np.float32(0)), volume.spacing_mm, clear.copy())


def _radial(plane: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """The smooth part of a plane, a paraboloid: cupping must not count as noise."""
    rows, columns = np.mgrid[-1 : 1 : plane.shape[0] * 1j, -1 : 1 : plane.shape[1] * 1j]
    terms = np.stack([np.ones_like(rows), rows, columns, rows**2 + columns**2], axis=-1)
    solved, *_ = np.linalg.lstsq(terms[mask], plane[mask].astype(np.float64), rcond=None)
    found: npt.NDArray[np.float32] = (terms @ solved).astype(np.float32)
    return found


def section_mean(volume: Volume, part: slice, inside: npt.NDArray[np.bool_], noise: Noise | None) -> tuple[float, float]:
    """Mean of the pixels `inside` the slices `part`, and its standard uncertainty."""
    mean = float(volume.values[part][:, inside].mean(dtype=np.float64))
    if noise is None:
        return mean, 0.0
    count = part.stop - part.start
    weights = inside / inside.sum()
    half = noise.correlation.shape[0] // 2
    lags = range(-min(half, count - 1), min(half, count - 1) + 1)
    shared = sum((count - abs(k)) / count**2 * noise.plane_covariance(weights, k) for k in lags)
    return mean, mean * noise.relative * math.sqrt(max(shared, 0.0))

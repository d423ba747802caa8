"""Point sources seen by an emission scan held against their markers in the CT: places, distances, the rotation between them.

All places are in patient coordinates, mm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from photopeak.evidence import Evidence, Volume
from photopeak.measurement import Measurement, Quantity

Floats = npt.NDArray[np.float64]

ALIGNMENT_ERROR = Quantity(name="alignment_error", unit="mm", en="alignment error", zh="配准误差")
LARGEST = Quantity(name="alignment_error_max", unit="mm", en="largest alignment error", zh="最大配准误差")
ROTATION = Quantity(name="rotation_error", unit="deg", en="rotation error", zh="旋转误差")
REACH_MM = 30.0
LEAST_CONTRAST_HU = 80.0
SIGNIFICANT = 6.0  # standard deviations of the surroundings
SHORTEST_ARM_MM = 20.0  # sources nearer to one line than this say nothing of a rotation


def companion_ct(evidence: Evidence) -> Volume | None:
    """The CT that travels with an emission volume, or None."""
    companion = evidence.facts.get("companion")
    if isinstance(companion, Evidence) and companion.kind == "ct_volume" and isinstance(companion.images, Volume):
        return companion.images
    return None


def position_mm(volume: Volume, index: Floats) -> Floats:
    """Patient coordinates of a voxel index (slice, row, column)."""
    steps = np.asarray(index) * np.asarray(volume.spacing_mm)
    return np.asarray(np.asarray(volume.origin_mm) + steps @ np.asarray(volume.directions), dtype=np.float64)


def index_at(volume: Volume, position_mm: Floats) -> Floats:
    """Voxel index (slice, row, column) of a patient position, in fractions."""
    from_origin = np.asarray(position_mm) - np.asarray(volume.origin_mm)
    return np.asarray(np.linalg.solve(np.asarray(volume.directions).T, from_origin) / np.asarray(volume.spacing_mm))


def box_round(volume: Volume, index: Floats, reach_mm: float) -> tuple[slice, ...] | None:
    """The voxels within reach of an index along each axis; None where fewer than three are in the volume."""
    low = [max(0, math.ceil(i - reach_mm / mm)) for i, mm in zip(index, volume.spacing_mm)]
    high = [min(n, math.floor(i + reach_mm / mm) + 1) for i, mm, n in zip(index, volume.spacing_mm, volume.values.shape)]
    return tuple(slice(a, b) for a, b in zip(low, high)) if all(b - a >= 3 for a, b in zip(low, high)) else None


def marker_in_ct(ct: Volume, near_mm: Floats) -> tuple[Floats, Floats] | None:
    """Patient position and standard uncertainty of the brightest small thing within reach; None where nothing stands out."""
    box = box_round(ct, index_at(ct, near_mm), REACH_MM)
    if box is None:
        return None
    part = ct.values[box].astype(np.float64)
    level = float(np.median(part))
    noise = max(1.4826 * float(np.median(np.abs(part - level))), 1e-3)
    excess = part - level
    top = float(excess.max())
    if top < max(LEAST_CONTRAST_HU, SIGNIFICANT * noise):
        return None
    labelled: Any = label(excess > max(0.1 * top, 4 * noise), structure=np.ones((3, 3, 3)))
    marked: npt.NDArray[np.int32] = labelled[0]
    brightest = np.unravel_index(int(np.argmax(excess)), excess.shape)
    own = np.asarray(marked == np.asarray(marked)[brightest], dtype=np.bool_)
    weight = np.where(own, excess, 0.0)
    total = float(weight.sum())
    grids = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in part.shape), indexing="ij")
    centre = np.array([float((weight * grid).sum()) / total for grid in grids])
    away = [(grid[own] - c) * mm for grid, c, mm in zip(grids, centre, ct.spacing_mm)]
    # Noise of the voxels, and about a hundredth of a voxel for where the marker is cut off.
    uncertainty = np.array(
        [math.hypot(noise * math.sqrt(float((a**2).sum())) / total, 0.012 * mm) for a, mm in zip(away, ct.spacing_mm)]
    )
    start = np.array([part_.start for part_ in box])
    return position_mm(ct, centre + start), uncertainty


def distance(number: int, spect: tuple[Floats, Floats], marker: tuple[Floats, Floats]) -> Measurement:
    """Length of the difference; noise only enlarges a small one, and that part is in the uncertainty too."""
    difference = spect[0] - marker[0]
    value = float(np.linalg.norm(difference))
    variance = float((spect[1] ** 2).sum() + (marker[1] ** 2).sum())
    enlarged = value - math.sqrt(max(0.0, value**2 - variance))
    return ALIGNMENT_ERROR.of(
        value,
        math.hypot(math.sqrt(variance / 3), enlarged),
        noise_corrected=ALIGNMENT_ERROR.of(value - enlarged, math.sqrt(variance / 3), source=number),
        source=number,
    )


def largest(found: list[Measurement]) -> Measurement:
    """The largest of the distances, with its uncertainty."""
    worst = max(found, key=lambda m: m.value)
    return LARGEST.of(worst.value, worst.uncertainty)


def rotation(placed: list[tuple[int, tuple[Floats, Floats], tuple[Floats, Floats]]]) -> Iterable[Measurement]:
    """Angle of the rotation that best carries the CT places onto the SPECT places."""
    if len(placed) < 3:
        return
    spect, ct = np.array([one[0] for _, one, _ in placed]), np.array([one[0] for _, _, one in placed])
    spect, ct = spect - spect.mean(axis=0), ct - ct.mean(axis=0)
    left, sizes, right = np.linalg.svd(ct.T @ spect)
    arm_mm = math.sqrt(float(sizes[1]) / len(placed))
    if arm_mm < SHORTEST_ARM_MM:
        return
    sign = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(left @ right)))])
    turned = left @ sign @ right
    degrees = math.degrees(math.acos(min(1.0, max(-1.0, (float(np.trace(turned)) - 1) / 2))))
    variance = float(np.mean([(a[1] ** 2).sum() + (b[1] ** 2).sum() for _, a, b in placed])) / 3
    uncertainty = math.degrees(math.sqrt(variance / len(placed)) / arm_mm)
    enlarged = degrees - math.sqrt(max(0.0, degrees**2 - 3 * uncertainty**2))
    yield ROTATION.of(degrees, math.hypot(uncertainty, enlarged), noise_corrected=ROTATION.of(degrees - enlarged, uncertainty))

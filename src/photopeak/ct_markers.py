"""Point sources seen by an emission scan held against their markers in the CT: places, distances, the rotation between them.

All places are in patient coordinates, mm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from photopeak.evidence import Evidence, Volume
from photopeak.measurement import Measurement, Place, Quantity
from photopeak.spread import departure_uncertainty, length_uncertainty, scatter, without_noise

Floats = npt.NDArray[np.float64]
Placed = tuple[Floats, Floats]  #: place and standard uncertainty along x, y, z, mm

ALIGNMENT_ERROR = Quantity(name="alignment_error", unit="mm", en="alignment error", zh="配准误差")
LARGEST = Quantity(name="alignment_error_max", unit="mm", en="largest alignment error", zh="最大配准误差")
ROTATION = Quantity(name="rotation_error", unit="deg", en="rotation error", zh="旋转误差")
REACH_MM = 30.0
LEAST_CONTRAST_HU = 80.0
SIGNIFICANT = 6.0  # standard deviations of the surroundings
DRAWS = 2000
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


def along_patient_axes(volume: Volume, uncertainty: Floats) -> Floats:
    """Standard uncertainties along (slice, row, column) as those along the patient's x, y, z, mm."""
    return np.asarray(np.sqrt((np.asarray(volume.directions) ** 2).T @ np.asarray(uncertainty) ** 2))


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
    return position_mm(ct, centre + start), along_patient_axes(ct, uncertainty)


def distance(number: int, emission: Placed, marker: Placed) -> Measurement:
    """Length of the difference; noise only enlarges a short one, by what the companion leaves off."""
    difference = emission[0] - marker[0]
    covariance = np.diag(emission[1] ** 2 + marker[1] ** 2)
    return _length(ALIGNMENT_ERROR, difference, covariance, {"source": number})


def _length(quantity: Quantity, vector: Floats, covariance: Floats, where: Place) -> Measurement:
    value, variance = float(np.linalg.norm(vector)), float(np.trace(covariance))
    companion = replace(quantity.of(math.sqrt(max(0.0, value**2 - variance)), math.sqrt(variance / 3)), where=where)
    return replace(quantity.of(value, length_uncertainty(vector, covariance), noise_corrected=companion), where=where)


def largest(found: list[Measurement]) -> Measurement:
    """The largest of the distances. Noise picks the largest of several alike: its scatter is less than theirs, its mean higher."""
    values, each = (np.array([getattr(m, name) for m in found]) for name in ("value", "uncertainty"))
    base = without_noise(values, math.sqrt(float((each**2).mean())))
    rng = np.random.default_rng(len(found))
    draws = (base + each * rng.standard_normal((DRAWS, len(found)))).max(axis=1)
    u = scatter(draws)
    if np.ptp(base) == 0:  # alike: the largest of lengths that noise makes different, be they short or long
        known = [m.noise_corrected.uncertainty for m in found if m.noise_corrected is not None]
        noise = math.sqrt(float(np.mean([(one or 0.0) ** 2 for one in known]))) if known else float(each.mean())
        vectors = rng.standard_normal((DRAWS, len(found), 3)) * noise
        short, long = np.linalg.norm(vectors, axis=2).max(axis=1), vectors[:, :, 0].max(axis=1)
        u = departure_uncertainty(float(values.max()), short, scatter(long))
    worst = max(found, key=lambda m: m.value)
    raised = float(draws.mean() - base.max())
    own = worst.value if worst.noise_corrected is None else worst.noise_corrected.value
    companion = LARGEST.of(max(own - raised, 0.0), worst.uncertainty)
    return LARGEST.of(worst.value, u, noise_corrected=companion)


def rotation(placed: list[tuple[int, Placed, Placed]]) -> Iterable[Measurement]:
    """Angle of the rotation that best carries the CT places onto the emission places."""
    if len(placed) < 3:
        return
    emission, ct = np.array([one[0] for _, one, _ in placed]), np.array([one[0] for _, _, one in placed])
    emission, ct = emission - emission.mean(axis=0), ct - ct.mean(axis=0)
    left, sizes, right = np.linalg.svd(ct.T @ emission)
    if math.sqrt(float(sizes[1]) / len(placed)) < SHORTEST_ARM_MM:
        return
    sign = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(left @ right)))])
    from scipy.spatial.transform import Rotation  # slow to import, and few studies have three sources

    turn = Rotation.from_matrix((left @ sign @ right).T).as_rotvec(degrees=True)
    variance = float(np.mean([(a[1] ** 2).sum() + (b[1] ** 2).sum() for _, a, b in placed])) / 3
    leverage = (ct**2).sum() * np.eye(3) - ct.T @ ct
    yield _length(ROTATION, turn, math.degrees(1) ** 2 * variance * np.linalg.inv(leverage), {})

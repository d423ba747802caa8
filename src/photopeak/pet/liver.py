"""The liver in a PET image, without a CT: the largest evenly warm region of the patient's right side, and a 30 mm sphere in it.

Deterministic and free of scale, so that it also works where a wrong dose makes every SUV wrong. It is shown for confirmation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from photopeak.evidence import Volume

Floats = npt.NDArray[np.float64]

GRID_MM = 8.0  #: the liver is looked for on blocks of about this size
VOI_RADIUS_MM = 15.0
CLEAR_MM = 22.0  #: the sphere and what surrounds it lie this deep in the liver
WARMER, HOTTEST = 1.5, 7.0  #: of the typical soft tissue
LEAST_ML, MOST_ML = 350.0, 4000.0
EVEN = 0.30  #: part of the liver: within this of its typical value


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Block means of the volume, the body among them (holes filled), and its typical soft tissue."""

    coarse: npt.NDArray[np.float32]
    factors: tuple[int, int, int]
    step_mm: tuple[float, float, float]
    inside: npt.NDArray[np.bool_]
    tissue: float

    @property
    def extent_mm(self) -> float:
        """Length of the body along the slices."""
        used = np.flatnonzero(self.inside.any(axis=(1, 2)))
        return 0.0 if used.size == 0 else float((used[-1] - used[0] + 1) * self.step_mm[0])

    @property
    def volume_ml(self) -> float:
        return float(self.inside.sum() * np.prod(self.step_mm) / 1000)

    def touches_edge_mm(self) -> float:
        """Length, along the slices, in which the body reaches the edge of the field."""
        edge = self.inside[:, [0, -1], :].any(axis=(1, 2)) | self.inside[:, :, [0, -1]].any(axis=(1, 2))
        return float(edge.sum() * self.step_mm[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Liver:
    """Voxel indices (slice, row, column) of the sphere's centre; volume of the region found, and the
    centre's distance from its boundary."""

    centre: tuple[float, float, float]
    depth_mm: float
    region_ml: float


def find_body(volume: Volume) -> Body | None:
    """The warm body; None where the image is empty."""
    factors = [max(1, round(GRID_MM / mm)) for mm in volume.spacing_mm]
    counts = [n // f for n, f in zip(volume.values.shape, factors)]
    if min(counts) < 4:
        return None
    cut = volume.values[tuple(slice(0, n * f) for n, f in zip(counts, factors))]
    blocks = cut.reshape(counts[0], factors[0], counts[1], factors[1], counts[2], factors[2])
    coarse = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    smooth = ndimage.gaussian_filter(coarse, 0.7)
    warm = smooth[smooth > smooth.mean()]
    if not warm.size or float(np.median(warm)) <= 0:
        return None
    marked, number = ndimage.label(smooth > 0.3 * float(np.median(warm)))
    if number == 0:
        return None
    largest = marked == 1 + int(np.argmax(np.bincount(marked.ravel())[1:]))
    inside = np.stack([ndimage.binary_fill_holes(plane) for plane in largest])
    return Body(
        coarse=coarse,
        factors=(factors[0], factors[1], factors[2]),
        step_mm=(
            factors[0] * volume.spacing_mm[0],
            factors[1] * volume.spacing_mm[1],
            factors[2] * volume.spacing_mm[2],
        ),
        inside=inside,
        tissue=float(np.median(coarse[inside])),
    )


def find_liver(volume: Volume, body: Body) -> Liver | None:
    """The sphere in the upper half of the liver, as deep inside as it can be; None where no region is large and even enough."""
    smooth = ndimage.gaussian_filter(body.coarse, 0.7)
    right, up = _towards(volume, (-1.0, 0.0, 0.0)), _towards(volume, (0.0, 0.0, 1.0))
    grid = np.meshgrid(*(np.arange(n, dtype=np.float64) * mm for n, mm in zip(smooth.shape, body.step_mm)), indexing="ij")
    rightwards = sum(direction * axis for direction, axis in zip(right, grid))
    headwards = sum(direction * axis for direction, axis in zip(up, grid))
    middle = float(np.median(rightwards[body.inside]))
    warm = body.inside & (smooth > WARMER * body.tissue) & (smooth < HOTTEST * body.tissue)
    core = ndimage.binary_erosion(warm, iterations=1)
    marked, number = ndimage.label(core)
    best: tuple[float, npt.NDArray[np.bool_]] | None = None
    for label in range(1, number + 1):
        part = marked == label
        if part.sum() < 8 or float(rightwards[part].mean()) <= middle:
            continue
        level = float(np.median(smooth[part]))
        even = ndimage.binary_dilation(part) & (np.abs(smooth / level - 1) < EVEN)
        size = float(even.sum() * np.prod(body.step_mm) / 1000)
        if LEAST_ML <= size <= MOST_ML and (best is None or size > best[0]):
            best = size, even
    if best is None:
        return None
    region = best[1]
    depth = ndimage.distance_transform_edt(np.pad(region, 1), sampling=body.step_mm)[1:-1, 1:-1, 1:-1]
    upper = region & (headwards >= float(np.median(headwards[region])))
    depth = np.where(upper, depth, 0.0)
    if depth.max() < CLEAR_MM:
        return None
    # The deepest voxel; of several equally deep the one nearest to the head, then to the right.
    deepest = np.argwhere(depth >= depth.max() - 1e-9)
    order = [(-headwards[tuple(one)], -rightwards[tuple(one)]) for one in deepest]
    chosen = deepest[min(range(len(order)), key=order.__getitem__)]
    centre = [(index + 0.5) * factor - 0.5 for index, factor in zip(chosen, body.factors)]
    return Liver(centre=(float(centre[0]), float(centre[1]), float(centre[2])), depth_mm=float(depth.max()), region_ml=best[0])


def _towards(volume: Volume, direction: tuple[float, float, float]) -> Floats:
    """How far, per mm along slice, row and column, one moves towards a patient direction."""
    return np.asarray(np.asarray(volume.directions) @ np.asarray(direction), dtype=np.float64)


def sphere(volume: Volume, liver: Liver, radius_mm: float) -> tuple[tuple[slice, ...], npt.NDArray[np.bool_]]:
    """A box of voxels round the centre, and which of them lie within `radius_mm`."""
    low = [max(0, int(np.floor(c - radius_mm / mm))) for c, mm in zip(liver.centre, volume.spacing_mm)]
    high = [
        min(n, int(np.ceil(c + radius_mm / mm)) + 1) for c, mm, n in zip(liver.centre, volume.spacing_mm, volume.values.shape)
    ]
    box = tuple(slice(a, b) for a, b in zip(low, high))
    grid = np.meshgrid(
        *((np.arange(a, b) - c) * mm for a, b, c, mm in zip(low, high, liver.centre, volume.spacing_mm)), indexing="ij"
    )
    inside: npt.NDArray[np.bool_] = np.sqrt(sum(axis**2 for axis in grid)) <= radius_mm
    return box, inside

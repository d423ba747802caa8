"""Lesions drawn by people or programs: voxel masks (DICOM SEG) or contours (RTSTRUCT), and their masks on an image's grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from photopeak.evidence import Volume
from photopeak.polygon import filled, signed_area

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]
SAME_GRID_MM = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One lesion as `mask[slice, row, column]` on a grid of its own; geometry as in `Volume`."""

    label: str
    mask: Mask
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    directions: tuple[tuple[float, float, float], ...]

    @property
    def volume_ml(self) -> float:
        return float(self.mask.sum() * np.prod(self.spacing_mm) / 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contoured:
    """One lesion as closed planar contours, points[n, 3] in patient coordinates, mm."""

    label: str
    contours: tuple[Points, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesions:
    """All lesions of one object."""

    regions: tuple[Segment | Contoured, ...]


def on_grid(region: Segment | Contoured, volume: Volume) -> Mask:
    """The voxels of `volume` whose centre lies in the lesion. ValueError: its contours are not in the volume's slices."""
    return _segment_on(region, volume) if isinstance(region, Segment) else _contours_on(region, volume)


def _axes(directions: tuple[tuple[float, float, float], ...]) -> npt.NDArray[np.float64]:
    return np.asarray(directions, dtype=np.float64)


def _segment_on(segment: Segment, volume: Volume) -> Mask:
    """Nearest neighbour; exact where the grids are the same."""
    back, own = _axes(volume.directions), _axes(segment.directions)
    matrix = (own @ back.T) * np.asarray(volume.spacing_mm) / np.asarray(segment.spacing_mm)[:, None]
    offset = own @ (np.asarray(volume.origin_mm) - np.asarray(segment.origin_mm)) / np.asarray(segment.spacing_mm)
    shift = np.round(offset)
    shape = volume.values.shape
    if np.allclose(matrix, np.eye(3), atol=1e-4) and np.allclose(offset, shift, atol=SAME_GRID_MM):
        found = np.zeros(shape, dtype=bool)
        starts = -shift.astype(int)
        low = np.maximum(starts, 0)
        high = np.minimum(starts + segment.mask.shape, shape)
        if (high > low).all():
            box = tuple(slice(int(a), int(b)) for a, b in zip(low, high))
            found[box] = segment.mask[tuple(slice(int(a), int(b)) for a, b in zip(low - starts, high - starts))]
        return found
    drawn = ndimage.affine_transform(segment.mask.astype(np.uint8), matrix, offset, output_shape=shape, order=0)
    return np.asarray(drawn > 0)


def _contours_on(region: Contoured, volume: Volume) -> Mask:
    """Contours of a plane fill the slices nearest to it, within half the distance between the contoured planes."""
    planes: dict[float, list[Points]] = {}
    axes = _axes(volume.directions)
    for contour in region.contours:
        index = (contour - np.asarray(volume.origin_mm)) @ axes.T / np.asarray(volume.spacing_mm)
        if np.ptp(index[:, 0]) > 0.1:
            raise ValueError("a contour does not lie in a slice of the image")
        planes.setdefault(round(float(index[:, 0].mean()), 3), []).append(index[:, 1:])
    heights = np.array(sorted(planes))
    gaps = np.diff(heights)
    reach = max(0.5, float(np.median(gaps)) / 2 if len(gaps) else 0.5)
    slices, rows, columns = volume.values.shape
    found = np.zeros((slices, rows, columns), dtype=bool)
    for k in range(slices):
        nearest = float(heights[int(np.argmin(np.abs(heights - k)))])
        if abs(nearest - k) <= reach + 1e-6:
            found[k] = filled(planes[nearest], (rows, columns))
    return found


def contoured_volume_ml(region: Contoured) -> float:
    """Area of the contours (outlines less holes, by even-odd parity of the winding) times the distance of their planes.

    ValueError: one plane only, whose thickness nothing tells, or contours without area.
    """
    normal = _normal(region)
    heights: dict[float, float] = {}
    for contour in region.contours:
        height = round(float(contour.mean(axis=0) @ normal), 2)
        heights[height] = heights.get(height, 0.0) + _area(contour, normal)
    if len(heights) < 2:
        raise ValueError("one contoured plane has no thickness")
    if min(abs(area) for area in heights.values()) <= 0:
        raise ValueError("a contour encloses no area")
    return float(sum(abs(area) for area in heights.values()) * np.median(np.diff(sorted(heights))) / 1000)


def _normal(region: Contoured) -> Points:
    """Of the planes: from the largest contour."""
    crosses = [np.cross(c - c[0], np.roll(c, -1, axis=0) - c[0]).sum(axis=0) for c in region.contours if len(c) > 2]
    largest = max(crosses, key=lambda one: float(np.linalg.norm(one)), default=np.zeros(3))
    length = float(np.linalg.norm(largest))
    if length <= 0:
        raise ValueError("a contour encloses no area")
    return np.asarray(largest / length)


def _area(contour: Points, normal: Points) -> float:
    across = np.cross(normal, [1.0, 0.0, 0.0] if abs(normal[0]) < 0.9 else [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across)
    flat = np.stack([contour @ np.cross(normal, across), contour @ across], axis=1)
    return signed_area(flat)

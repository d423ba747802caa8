"""A cylindrical phantom in a reconstructed volume: its axis, radius, ends, and which of its slices are uniform.

Positions are mm from the centre of the volume: x along columns, y along rows, z along slices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_fill_holes, gaussian_filter, label

from photopeak.evidence import Volume
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

RADII_MM = (60.0, 180.0)
FEWEST_SLICES = 6
ROUNDNESS = 0.93  # share of the mask and of the circle of its area that coincide
MEASURED_RADIUS = 0.8  # of the cylinder's
SAME_AREA = 0.1
STORAGE_LIMITS = (255.0, 4095.0, 16383.0, 32767.0, 65535.0)
SHARE_AT_LIMIT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cylinder:
    """`first` and `last`: slices wholly inside; the axis passes (x, y) = start + slope * z."""

    first: int
    last: int
    radius_mm: float
    start_mm: tuple[float, float]
    slope: tuple[float, float]
    level: float  #: a typical value inside

    def axis_at(self, z_mm: float) -> tuple[float, float]:
        return self.start_mm[0] + self.slope[0] * z_mm, self.start_mm[1] + self.slope[1] * z_mm


def axes_mm(volume: Volume) -> tuple[Floats, Floats, Floats]:
    """z, y, x of the voxel centres."""
    z, y, x = (
        np.asarray(mm * (np.arange(n) - (n - 1) / 2), dtype=np.float64) for mm, n in zip(volume.spacing_mm, volume.values.shape)
    )
    return z, y, x


def find_cylinder(volume: Volume, *, roundness: float = ROUNDNESS, fewest: int = FEWEST_SLICES) -> Cylinder | Words:
    """The cylinder that fills the volume's bright part, or the reason why there is none.

    `roundness` and `fewest` slices may be lowered for a first look at a coarse copy.
    """
    values = volume.values
    if not np.isfinite(values).all() or values.max() <= 0 or min(values.shape) < 3:
        return Words("the volume is empty or has values that are not numbers", "图像为空或含有非数值像素")
    if cut_off(values):
        return Words(
            f"the values are cut off at {values.max():g}, the largest that can be stored; export it with another scale",
            f"像素值在可存储的最大值 {values.max():g} 处被截断；请更换比例后重新导出",
        )
    spacing = volume.spacing_mm
    smooth = gaussian_filter(values, [2.0 / mm for mm in spacing])
    if smooth.max() <= 0:
        return Words("no bright area in any slice", "各层均无高计数区")
    level = _level(smooth)
    z_mm, y_mm, x_mm = axes_mm(volume)
    # Slices in a row are round or none is: every third one is looked at first, and the others only where that shows something.
    slices: list[tuple[float, float, float] | None] = [None] * len(smooth)
    for first in (range(0, len(smooth), 3), (k for k in range(len(smooth)) if k % 3)) if fewest >= 3 else (range(len(smooth)),):
        for k in first:
            slices[k] = _disc(smooth[k], 0.5 * level, x_mm, y_mm, spacing, roundness)
        if not any(slices):
            break
    areas = np.array([0.0 if one is None else one[0] for one in slices])
    if not (areas > 0).any():
        return Words("no round bright area in any slice", "各层均无圆形高计数区")
    # The largest area that several slices agree on; end slices are smaller.
    area = float(np.median(areas[areas > 0.7 * areas.max()]))
    good = np.flatnonzero(np.abs(areas / area - 1) < SAME_AREA)
    radius_mm = math.sqrt(area / math.pi)
    if len(good) < fewest or not RADII_MM[0] <= radius_mm <= RADII_MM[1]:
        return Words(
            f"{len(good)} slices with a round bright area of radius {radius_mm:.0f} mm: not a cylindrical phantom",
            f"有 {len(good)} 层存在半径 {radius_mm:.0f} mm 的圆形高计数区，不是圆柱模体",
        )
    centres = np.array(
        [[one[1], one[2]] for index, one in enumerate(slices) if index in set(good.tolist()) and one is not None]
    )
    slope_x, start_x = np.polyfit(z_mm[good], centres[:, 0], 1)
    slope_y, start_y = np.polyfit(z_mm[good], centres[:, 1], 1)
    return Cylinder(
        first=int(good[0]),
        last=int(good[-1]),
        radius_mm=radius_mm,
        start_mm=(float(start_x), float(start_y)),
        slope=(float(slope_x), float(slope_y)),
        level=level,
    )


def cut_off(values: npt.NDArray[np.float32]) -> bool:
    """Whether many values stand at the largest that whole numbers of a camera can take. A few are there by scaling alone."""
    top = float(values.max())
    return top in STORAGE_LIMITS and int((values == top).sum()) > SHARE_AT_LIMIT * values.size


def _level(smooth: npt.NDArray[np.float32]) -> float:
    """A typical bright value: hot spheres above it and cold ones below it are few."""
    bright = smooth[smooth > 0.25 * max(0.0, float(np.percentile(smooth, 99.5)))]
    return float(np.percentile(bright, 60))


def _disc(
    plane: npt.NDArray[np.float32],
    threshold: float,
    x_mm: Floats,
    y_mm: Floats,
    spacing: tuple[float, float, float],
    roundness: float,
) -> tuple[float, float, float] | None:
    """Area and centre of the largest filled area of a slice, if it is round."""
    marked, number = label(plane > threshold)
    if not number:
        return None
    largest = 1 + int(np.argmax(np.bincount(marked.ravel())[1:]))
    mask = binary_fill_holes(marked == largest)
    pixels = int(mask.sum())
    area = pixels * spacing[1] * spacing[2]
    x, y = float(mask.sum(axis=0) @ x_mm) / pixels, float(mask.sum(axis=1) @ y_mm) / pixels
    circle = np.hypot(x_mm[None, :] - x, y_mm[:, None] - y) <= math.sqrt(area / math.pi)
    return (area, x, y) if (circle & mask).sum() / (circle | mask).sum() > roundness else None


def inside_radius(volume: Volume, cylinder: Cylinder, index: int, share: float = MEASURED_RADIUS) -> npt.NDArray[np.bool_]:
    """Mask[row, column] of the pixels within `share` of the radius in one slice."""
    z_mm, y_mm, x_mm = axes_mm(volume)
    x, y = cylinder.axis_at(float(z_mm[index]))
    return np.hypot(x_mm[None, :] - x, y_mm[:, None] - y) <= share * cylinder.radius_mm


def uniform_slices(volume: Volume, cylinder: Cylinder) -> slice:
    """The longest run of slices without inserts: bright on average and even on the scale of an insert.

    Two slices at either end are left out, where the end faces blur.
    """
    end = max(1, math.ceil(8.0 / volume.spacing_mm[0]))
    inner = np.arange(cylinder.first + end, cylinder.last - end + 1)
    if len(inner) < 3:
        inner = np.arange(cylinder.first, cylinder.last + 1)
    blurred = gaussian_filter(volume.values, [0.0] + [5.0 / mm for mm in volume.spacing_mm[1:]])
    means, spreads = [], []
    for index in inner:
        inside = blurred[index][inside_radius(volume, cylinder, int(index), 0.75)]
        means.append(float(inside.mean()))
        spreads.append(float(inside.std()) / max(float(inside.mean()), 1e-30))
    mean, spread = np.array(means), np.array(spreads)
    even = (mean > 0.93 * np.percentile(mean, 90)) & (spread < max(1.6 * np.percentile(spread, 10), 0.004))
    first, length = _longest_run(even)
    return slice(int(inner[first]), int(inner[first]) + length)


def _longest_run(true: npt.NDArray[np.bool_]) -> tuple[int, int]:
    marked, number = label(true)
    if not number:
        return 0, len(true)
    sizes = np.bincount(marked)[1:]
    best = 1 + int(np.argmax(sizes))
    return int(np.argmax(marked == best)), int(sizes[best - 1])


def inserted_slices(volume: Volume, cylinder: Cylinder) -> slice:
    """The longest run of slices that are darker on average than the uniform ones, as a section of cold rods is."""
    end = max(1, math.ceil(8.0 / volume.spacing_mm[0]))
    inner = np.arange(cylinder.first + end, cylinder.last - end + 1)
    if not len(inner):
        return slice(0, 0)
    mean = np.array([float(volume.values[index][inside_radius(volume, cylinder, int(index), 0.75)].mean()) for index in inner])
    uniform = float(np.percentile(mean, 95))
    dark = (mean < 0.92 * uniform) & (mean > 0.4 * uniform)
    if not dark.any():
        return slice(0, 0)
    first, length = _longest_run(dark)
    # A slice at either end is half rods, half water.
    trimmed = 1 if length > 4 else 0
    return slice(int(inner[first]) + trimmed, int(inner[first]) + length - trimmed)


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a plane round the cylinder that a picture shows: its pixels, and the outer edge of the first one in mm."""

    rows: slice
    columns: slice
    left_mm: float
    top_mm: float


def crop_round(cylinder: Cylinder, shape: tuple[int, ...], pixel_mm: tuple[float, float]) -> Crop:
    """The square of 1.2 radii round the cylinder's axis, as far as the plane reaches."""
    x, y = cylinder.axis_at(0.0)
    reach = 1.2 * cylinder.radius_mm

    def part(at_mm: float, size: int, mm: float) -> slice:
        middle = at_mm / mm + (size - 1) / 2
        return slice(max(0, math.floor(middle - reach / mm)), min(size, math.ceil(middle + reach / mm) + 1))

    rows, columns = part(y, shape[0], pixel_mm[0]), part(x, shape[1], pixel_mm[1])
    return Crop(rows, columns, (columns.start - shape[1] / 2) * pixel_mm[1], (rows.start - shape[0] / 2) * pixel_mm[0])

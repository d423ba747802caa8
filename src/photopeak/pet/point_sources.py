"""Small hot sources in a PET volume, and their widths: NEMA's rule and a Gaussian, along the three directions of the voxels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from photopeak.evidence import Volume
from photopeak.once import once_per_volume
from photopeak.profile import FWHM_PER_SIGMA, GaussianFit, ProfileError, gaussian_fit, nema_spread, nema_width
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

THRESHOLD = 0.15  #: of the hottest voxel
WIDEST_MM = 30.0  #: a larger hot thing is no point source
MOST_SOURCES = 24
OF_A_SOURCE = 8  #: voxels; beside such a source, a single voxel is none
NEAR_MM = 25.0
LEAST_SHARE = 0.35  #: of all activity above a tenth of the maximum, and above the noise, lies near the sources
ABOVE_NOISE = 5.0
REACH_WIDTHS = 4.0  #: half length of a profile, in FWHM
NEMA_SAMPLING = 3.0  #: pixels per FWHM that the rule asks for


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSource:
    """Voxel index (slice, row, column) of the hottest voxel, and a rough FWHM along each in mm."""

    top: tuple[int, int, int]
    rough_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisProfile:
    """One direction through one source: samples in mm from the first voxel, and the fitted Gaussian."""

    at_mm: Floats
    values: Floats
    fit: GaussianFit
    pixel_mm: float

    @property
    def fwhm_mm(self) -> float:
        return FWHM_PER_SIGMA * self.fit.sigma_mm

    @property
    def pixels_per_fwhm(self) -> float:
        return self.fwhm_mm / self.pixel_mm


@once_per_volume
def find_point_sources(volume: Volume) -> tuple[PointSource, ...] | Words:
    """The sources, hottest first, or the reason why the volume does not show point sources."""
    values = volume.values
    top = float(values.max())
    if not np.isfinite(top) or top <= 0 or min(values.shape) < 5:
        return Words("the volume is empty", "图像为空")
    hot = values > THRESHOLD * top
    if hot.mean() > 0.02:
        return Words("hot regions are too large for point sources", "高计数区过大，不是点源")
    corner, hot = _cropped(hot)
    marked, number = ndimage.label(hot, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(marked.ravel(), minlength=number + 1)[1:]
    alone = (sizes == 1) & bool(sizes.max() >= OF_A_SOURCE)  # a peak of the noise, not of a source
    number -= int(alone.sum())
    if number > MOST_SOURCES:
        return Words(f"{number} hot places, too many for point sources", f"高计数点达 {number} 个，不是点源")
    sources = []
    near = np.zeros(values.shape, dtype=bool)
    for label, part_of in enumerate(ndimage.find_objects(marked), 1):
        if alone[label - 1]:
            continue
        box = tuple(slice(part.start + first, part.stop + first) for part, first in zip(part_of, corner))
        size_mm = max((part.stop - part.start) * mm for part, mm in zip(box, volume.spacing_mm))
        if size_mm > WIDEST_MM:
            return Words(f"a hot region of {size_mm:.0f} mm is no point source", f"有 {size_mm:.0f} mm 的高计数区，不是点源")
        inside = np.where(marked[part_of] == label, values[box], -np.inf)
        at = np.unravel_index(int(np.argmax(inside)), inside.shape)
        index = tuple(int(a + part.start) for a, part in zip(at, box))
        reach = [int(NEAR_MM / mm) + 1 for mm in volume.spacing_mm]
        near[tuple(slice(max(0, i - r), i + r + 1) for i, r in zip(index, reach))] = True
        rough = tuple(_rough(values, index, axis) * volume.spacing_mm[axis] for axis in range(3))
        sources.append((float(values[index]), PointSource(top=index, rough_mm=rough)))  # type: ignore[arg-type]
    some = values[:: max(1, len(values) // 16), ::2, ::2]
    noise = 1.4826 * float(np.median(np.abs(some - np.median(some))))
    warm = values > max(0.1 * top, ABOVE_NOISE * noise)
    if float(values[warm & near].sum(dtype=np.float64)) < LEAST_SHARE * float(values[warm].sum(dtype=np.float64)):
        return Words("the activity is not in point sources", "活度不在点源内")
    return tuple(source for _, source in sorted(sources, key=lambda pair: -pair[0]))


def _cropped(hot: npt.NDArray[np.bool_]) -> tuple[tuple[int, ...], npt.NDArray[np.bool_]]:
    """The first index along each axis, and the part of the mask that holds all that is marked (something is)."""
    box = []
    for axis in range(3):
        marked = np.flatnonzero(hot.any(axis=tuple(n for n in range(3) if n != axis)))
        box.append(slice(int(marked[0]), int(marked[-1]) + 1))
    return tuple(part.start for part in box), hot[tuple(box)]


def _rough(values: npt.NDArray[np.float32], index: tuple[int, ...], axis: int) -> float:
    """Samples above half of the maximum, along an axis."""
    through: list[Any] = [slice(None) if n == axis else i for n, i in enumerate(index)]
    line = values[tuple(through)]
    above = line > 0.5 * float(values[index])
    low = high = index[axis]
    while low > 0 and above[low - 1]:
        low -= 1
    while high < len(line) - 1 and above[high + 1]:
        high += 1
    return float(high - low + 1)


def axis_profile(volume: Volume, source: PointSource, axis: int) -> AxisProfile | None:
    """Profile along `axis`, summed over two FWHM in the other directions (NEMA); None where the source is cut or no peak."""
    box = []
    for n, (index, rough, mm, size) in enumerate(zip(source.top, source.rough_mm, volume.spacing_mm, volume.values.shape)):
        reach = max(3, math.ceil(REACH_WIDTHS * rough / mm)) if n == axis else max(1, round(rough / mm))
        if n == axis and (index - 2 * rough / mm < 0 or index + 2 * rough / mm > size - 1):
            return None
        box.append(slice(max(0, index - reach), min(size, index + reach + 1)))
    part = volume.values[tuple(box)].astype(np.float64)
    profile = part.sum(axis=tuple(n for n in range(3) if n != axis))
    mm = volume.spacing_mm[axis]
    at = mm * np.arange(box[axis].start, box[axis].stop)
    try:
        fit = gaussian_fit(at, profile, noise="uniform")
    except ProfileError:
        return None
    return AxisProfile(at_mm=at, values=profile, fit=fit, pixel_mm=mm)


def by_the_rule(profile: AxisProfile, fraction: float) -> tuple[float, float] | None:
    """NEMA's width at `fraction` of the parabola's peak, above the fitted background, and its uncertainty, mm."""
    values = profile.values - profile.fit.background
    expected = profile.fit.expected(profile.at_mm) - profile.fit.background
    left = values - expected
    noise = float(np.sqrt((left**2).sum() / max(len(left) - 4, 1)))
    try:
        found = nema_width(profile.at_mm, values, fraction)
        if noise <= 1e-9 * float(values.max()):
            return found.width_mm, 0.0
        spread = nema_spread(profile.at_mm, expected, fraction, noise_sd=np.full(len(expected), noise))
    except ProfileError:
        return None
    return found.width_mm, spread.uncertainty_mm


def sampling_bias_percent(pixels_per_width: float, fraction: float = 0.5) -> float:
    """What the rule adds on average to the width of a Gaussian sampled this finely (integrated over pixels), over 21 phases.

    The pixel's own width is part of it: against the Gaussian without pixels.
    """
    from scipy.special import ndtr

    sigma = pixels_per_width / FWHM_PER_SIGMA
    reach = math.ceil(REACH_WIDTHS * pixels_per_width)
    at = np.arange(-reach, reach + 1, dtype=np.float64)
    widths = []
    for phase in np.linspace(-0.5, 0.5, 21):
        profile = ndtr((at + 0.5 - phase) / sigma) - ndtr((at - 0.5 - phase) / sigma)
        try:
            widths.append(nema_width(at, profile, fraction).width_mm)
        except ProfileError:
            continue
    true = 2 * math.sqrt(-2 * math.log(fraction)) * sigma
    return 100 * (float(np.mean(widths)) / true - 1) if widths else math.nan


def position_mm(volume: Volume, index: tuple[float, float, float]) -> Floats:
    """Patient coordinates of a voxel index."""
    steps = np.asarray(index) * np.asarray(volume.spacing_mm)
    found: Floats = np.asarray(volume.origin_mm) + steps @ np.asarray(volume.directions)
    return found

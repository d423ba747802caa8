"""The quadrants of a bar phantom, found in the image, and the bars in each: their frequency, direction and modulation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, label

from photopeak.gamma_camera.field_of_view import see

Floats = npt.NDArray[np.float64]

SMOOTH_MM = 6.0
FROM_FIELD_EDGE_MM = 12.0
SMALLEST_QUADRANT_MM2 = 40.0**2
ROI_SHARE = 0.6  # side of the square that is analysed / side of the quadrant
NARROWEST_BAR_MM, WIDEST_BAR_MM = 1.2, 9.0
Z = 3.0
CHANCE = 6.6  # -ln of the one-sided chance of z = 3
COUNTING = (0.6, 1.5)  # noise variance / mean of what may still be counts
LAGS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows, columns
_ZOOM = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """The strongest wave in a quadrant: cycles per mm to the right and downwards, amplitude / mean, and its significance.

    `excess` is how far the power lies above what noise gives by chance in z = 3 of cases, after the search over all waves.
    """

    right: float
    down: float
    amplitude: float
    excess: float

    @property
    def bar_mm(self) -> float:
        """Half a period: the width of equal bars and gaps."""
        return 0.5 / math.hypot(self.right, self.down)


@dataclass(frozen=True, slots=True, kw_only=True)
class Modulation:
    """Modulation and its standard uncertainty; beside it that of neighbouring pixels, and noise variance / mean counts."""

    value: float
    u: float
    of_neighbours: float
    dispersion: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quadrant:
    """One quadrant's analysed square: (first row, last row + 1, first column, last column + 1), its pixels and its wave."""

    box: tuple[int, int, int, int]
    wave: Wave
    mean: float
    modulation: Modulation  #: over whole periods

    @property
    def resolved(self) -> bool:
        return self.wave.excess > 0


def quadrants_in(image: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> tuple[Quadrant, ...]:
    """The four quadrants of the phantom in `image[row, column]`: top left, top right, bottom left, bottom right; or none."""
    values = image.astype(np.float64)
    centres = _centres(values, pixel_mm)
    return tuple(_quadrant(values, pixel_mm, centre, side) for centre, side in centres)


def _centres(image: Floats, pixel_mm: tuple[float, float]) -> list[tuple[tuple[float, float], float]]:
    """((row, column), side in mm) of each quadrant."""
    seen = see(image, pixel_mm)
    if seen is None:
        return []
    smooth = gaussian_filter(image, [SMOOTH_MM / length for length in pixel_mm])
    y = (np.arange(image.shape[0]) + 0.5)[:, np.newaxis] * pixel_mm[0]
    x = (np.arange(image.shape[1]) + 0.5)[np.newaxis, :] * pixel_mm[1]
    (top, bottom), (left, right) = seen.extent_mm
    edge = FROM_FIELD_EDGE_MM
    inner = (y > top + edge) & (y < bottom - edge) & (x > left + edge) & (x < right - edge)
    open_level, barred = float(np.quantile(smooth[inner], 0.97)), float(np.quantile(smooth[inner], 0.3))
    area = pixel_mm[0] * pixel_mm[1]
    if open_level > 1.2 * barred:
        named, number = label(inner & (smooth < (open_level + barred) / 2))
        sizes = np.bincount(named.ravel())[1:] * area
        large = [index + 1 for index in range(number) if sizes[index] > max(SMALLEST_QUADRANT_MM2, 0.3 * sizes.max())]
        if len(large) == 4:
            found = []
            for index in large:
                rows, columns = np.nonzero(named == index)
                # Smoothing takes a rim off the dark area; it is put back for the side.
                found.append(((float(rows.mean()), float(columns.mean())), math.sqrt(float(sizes[index - 1])) + SMOOTH_MM / 2))
            return _in_reading_order(found)
        if len(large) == 1:
            rows, columns = np.nonzero(named == large[0])
            return _split(rows, columns, pixel_mm)
    rows, columns = np.nonzero(inner)
    return _split(rows, columns, pixel_mm)


def _split(
    rows: npt.NDArray[Any], columns: npt.NDArray[Any], pixel_mm: tuple[float, float]
) -> list[tuple[tuple[float, float], float]]:
    """Four quarters of the box round these pixels."""
    height, width = float(rows.max() - rows.min() + 1), float(columns.max() - columns.min() + 1)
    side = min(height * pixel_mm[0], width * pixel_mm[1]) / 2
    return [
        ((float(rows.min()) + height * down, float(columns.min()) + width * right), side)
        for down in (0.25, 0.75)
        for right in (0.25, 0.75)
    ]


def _in_reading_order(found: list[tuple[tuple[float, float], float]]) -> list[tuple[tuple[float, float], float]]:
    by_row = sorted(found, key=lambda one: one[0][0])
    return [*sorted(by_row[:2], key=lambda one: one[0][1]), *sorted(by_row[2:], key=lambda one: one[0][1])]


def _quadrant(image: Floats, pixel_mm: tuple[float, float], centre: tuple[float, float], side_mm: float) -> Quadrant:
    half = [max(6.0, ROI_SHARE * side_mm / 2 / length) for length in pixel_mm]
    wave = strongest_wave(_square(image, _box(image, centre, half)), pixel_mm)
    if wave.excess > 0:  # whole periods only, or the variance depends on where the square ends
        cycles = (wave.down, wave.right)
        axis = 0 if abs(wave.down) > abs(wave.right) else 1
        period = 1 / abs(cycles[axis]) / pixel_mm[axis]
        half[axis] = max(1.0, math.floor(2 * half[axis] / period)) * period / 2
    box = _box(image, centre, half)
    square = _square(image, box)
    return Quadrant(box=box, wave=wave, mean=float(square.mean()), modulation=modulation_of(square, wave, pixel_mm))


def _box(image: Floats, centre: tuple[float, float], half: list[float]) -> tuple[int, int, int, int]:
    sides = []
    for axis in (0, 1):
        length = max(4, min(round(2 * half[axis]), image.shape[axis]))
        first = min(max(0, round(centre[axis] + 0.5 - length / 2)), image.shape[axis] - length)
        sides += [first, first + length]
    return sides[0], sides[1], sides[2], sides[3]


def _square(image: Floats, box: tuple[int, int, int, int]) -> Floats:
    return image[box[0] : box[1], box[2] : box[3]]


def modulation_of(square: Floats, wave: Wave, pixel_mm: tuple[float, float]) -> Modulation:
    """sqrt(2 x variance of the pattern) / mean, and its standard uncertainty.

    The variance of the pattern is that of the pixels less their mean, the variance of counting (IAEA HHS-6, 2.3.9). Beside it
    stands the covariance of neighbours along the bars, which share the pattern but not the noise, whatever the noise; it is used
    alone where the noise is far from that of counts (rescaled, filtered or noiseless images).
    """
    mean = float(square.mean())
    if mean <= 0:
        return Modulation(value=0.0, u=0.0, of_neighbours=0.0, dispersion=0.0)
    apart = square - mean
    variance, shared = float((apart**2).mean()), _shared(apart, wave, pixel_mm)
    dispersion = (variance - shared) / mean
    counts = COUNTING[0] < dispersion < COUNTING[1]
    noise = mean if counts else max(variance - shared, 0.0)
    pattern = variance - mean if counts else shared
    u = math.sqrt((4 * max(pattern, 0.0) * noise + (2 if counts else 1) * noise**2) / square.size)
    of_neighbours = math.sqrt(2 * max(shared, 0.0)) / mean
    if pattern <= 0:
        return Modulation(value=0.0, u=math.sqrt(2 * u) / mean, of_neighbours=of_neighbours, dispersion=dispersion)
    value = math.sqrt(2 * pattern) / mean
    below = value - math.sqrt(2 * max(pattern - u, 0.0)) / mean
    return Modulation(
        value=value,
        u=math.hypot(below, value * math.sqrt(noise / square.size) / mean),
        of_neighbours=of_neighbours,
        dispersion=dispersion,
    )


def _shared(apart: Floats, wave: Wave, pixel_mm: tuple[float, float]) -> float:
    """The covariance of neighbours along the bars; what they lack because bars lie aslant is put back."""
    phases = {lag: 2 * math.pi * (lag[0] * pixel_mm[0] * wave.down + lag[1] * pixel_mm[1] * wave.right) for lag in LAGS}
    lag = min(LAGS, key=lambda one: abs(phases[one]) * (1.0 if 0 in one else 1.5))
    covariance = float((apart * _moved(apart, lag))[_overlap(lag)].mean())
    return covariance / max(math.cos(phases[lag]), 0.2)


def _moved(values: Floats, lag: tuple[int, int]) -> Floats:
    return np.roll(values, (-lag[0], -lag[1]), axis=(0, 1))


def _overlap(lag: tuple[int, int]) -> tuple[slice, slice]:
    """The part of an array that is not wrapped round by `_moved`."""
    columns = slice(None, -lag[1]) if lag[1] > 0 else slice(-lag[1], None)
    return slice(None, -lag[0] or None), columns


def strongest_wave(square: Floats, pixel_mm: tuple[float, float]) -> Wave:
    """The strongest wave of `square[row, column]` among those that bars can make, and how far it stands above noise."""
    taper = np.outer(np.hanning(square.shape[0] + 2)[1:-1], np.hanning(square.shape[1] + 2)[1:-1])
    mean = max(float((square * taper).sum() / taper.sum()), 1e-12)
    shape = [_ZOOM * length for length in square.shape]
    power = np.abs(np.fft.rfft2((square - mean) * taper, shape)) ** 2
    down = np.fft.fftfreq(shape[0], pixel_mm[0])[:, np.newaxis]
    right = np.fft.rfftfreq(shape[1], pixel_mm[1])[np.newaxis, :]
    frequency = np.hypot(down, right)
    nyquist = 0.5 / max(pixel_mm)
    possible = (frequency > 0.5 / WIDEST_BAR_MM) & (frequency < min(0.5 / NARROWEST_BAR_MM, 0.97 * nyquist))
    if not possible.any():
        return Wave(right=0.0, down=0.5 / WIDEST_BAR_MM, amplitude=0.0, excess=-math.inf)
    at = np.unravel_index(int(np.argmax(np.where(possible, power, -1.0))), power.shape)
    chance = mean * float((taper**2).sum())
    cells = max(1.0, float(possible.sum()) / _ZOOM**2)
    excess = float(power[at]) / chance - math.log(cells) - CHANCE
    amplitude = 2 * math.sqrt(max(float(power[at]) - chance, 0.0)) / float(taper.sum()) / mean
    step = (down[1, 0] - down[0, 0], right[0, 1] - right[0, 0])
    rows = [(int(at[0]) + k) % shape[0] for k in (-1, 0, 1)]
    columns = [abs(int(at[1]) + k) % power.shape[1] for k in (-1, 0, 1)]
    return Wave(
        down=float(down[at[0], 0]) + step[0] * _vertex([float(power[row, at[1]]) for row in rows]),
        right=float(right[0, at[1]]) + step[1] * _vertex([float(power[at[0], column]) for column in columns]),
        amplitude=amplitude,
        excess=excess,
    )


def _vertex(three: list[float]) -> float:
    """Where a parabola through three neighbouring powers peaks, in steps from the middle one."""
    before, middle, after = (math.log(max(one, 1e-300)) for one in three)
    curvature = before - 2 * middle + after
    return 0.5 * (before - after) / curvature if curvature < 0 else 0.0

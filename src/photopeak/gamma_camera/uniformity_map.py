"""The NEMA uniformity analysis of one binned flood: edge rule, nine-point filter, integral and differential uniformity.

Maps are `[row, column]`; where a leading axis is asked for, it counts noisy repetitions of one map, taken through together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[Any]  #: float32 or float64
Mask = npt.NDArray[np.bool_]

RUN = 5  #: contiguous pixels of a differential uniformity window
EDGE_FRACTION = 0.75  #: of the CFOV mean: below it a pixel of the outer rows and columns is not part of the field
TARGET_MM, FINEST_MM, COARSEST_MM = 6.4, 4.48, 8.32  #: the analysed pixel: 6.4 mm ± 30 %


def bin_factor_for(pixel_mm: float) -> int:
    """How many pixels make one analysed pixel: nearest to 6.4 mm within ±30 %; one where no whole number gives that."""
    factors = [k for k in range(1, int(COARSEST_MM / pixel_mm) + 1) if FINEST_MM - 1e-9 <= k * pixel_mm <= COARSEST_MM + 1e-9]
    return min(factors, key=lambda k: abs(k * pixel_mm - TARGET_MM), default=1)


def in_range(pixel_mm: float) -> bool:
    """Whether this analysed pixel is 6.4 mm ± 30 %."""
    return FINEST_MM - 1e-6 <= pixel_mm <= COARSEST_MM + 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Where the analysed pixels lie on the image: `factor`, first whole block and number of blocks, as (rows, columns)."""

    factor: tuple[int, int]
    first: tuple[int, int]
    number: tuple[int, int]
    pixel_mm: tuple[float, float]  #: of the image

    @property
    def bin_mm(self) -> tuple[float, float]:
        return self.factor[0] * self.pixel_mm[0], self.factor[1] * self.pixel_mm[1]

    def edges_mm(self, axis: int) -> npt.NDArray[np.float64]:
        """Borders of the analysed pixels, in mm from the outer edge of the image's first pixel."""
        step = self.factor[axis] * self.pixel_mm[axis]
        return self.first[axis] * self.pixel_mm[axis] + step * np.arange(self.number[axis] + 1, dtype=np.float64)


def grid_for(
    shape: tuple[int, int], pixel_mm: tuple[float, float], factor: tuple[int, int], centre_mm: tuple[float, float]
) -> Grid:
    """Blocks of `factor` pixels laid so that a block edge falls on the pixel border nearest to `centre_mm`."""
    middle = [int(np.floor(centre_mm[axis] / pixel_mm[axis] + 0.5 + 1e-6)) for axis in (0, 1)]
    first = (middle[0] % factor[0], middle[1] % factor[1])
    number = ((shape[0] - first[0]) // factor[0], (shape[1] - first[1]) // factor[1])
    return Grid(factor=factor, first=first, number=number, pixel_mm=pixel_mm)


def block_sums(values: npt.NDArray[Any], grid: Grid) -> npt.NDArray[np.float64]:
    """Sums over the blocks of `grid`, row by row of a block: never a second copy of the whole image."""
    (rows, columns), (top, left) = grid.factor, grid.first
    ny, nx = grid.number
    part = values[top : top + ny * rows, left : left + nx * columns]
    whole = values.dtype.kind in "ui" and values.dtype.itemsize <= 2
    lines: npt.NDArray[Any] = part[::rows].astype(np.int32 if whole else np.float64)
    for offset in range(1, rows):
        lines += part[offset::rows]
    sums: npt.NDArray[np.float64] = np.add.reduceat(lines, np.arange(0, nx * columns, columns), axis=1).astype(np.float64)
    return sums


def median_of(values: npt.NDArray[Any]) -> float:
    """The middle value (the upper of two): without the checks that make the library's median slow on small arrays."""
    middle = values.size // 2
    return float(np.partition(values, middle, axis=None)[middle])


def with_a_spare(values: npt.NDArray[Any], fill: float = 0) -> npt.NDArray[Any]:
    """`values` with one more row and column at the end, holding `fill`."""
    wide = np.full((values.shape[0] + 1, values.shape[1] + 1), fill, dtype=values.dtype)
    wide[:-1, :-1] = values
    return wide


def without_neighbours_outside(mask: Mask) -> Mask:
    """Pixels of `mask` all of whose four neighbours belong to it; beyond the array is outside."""
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    return inner


def outer_pixels(mask: Mask) -> Mask:
    """The outer rows and columns of a field: its pixels with a neighbour outside."""
    return mask & ~without_neighbours_outside(mask)


def after_edge_rule(values: Map, field: Mask, centre: Mask) -> Mask:
    """`field` without its outer pixels below 75 % of the mean over `centre`, and then without their four neighbours, once."""
    below = outer_pixels(field) & (values < EDGE_FRACTION * values[field & centre].mean())
    if not below.any():
        return field
    gone = below.copy()
    gone[1:] |= below[:-1]
    gone[:-1] |= below[1:]
    gone[:, 1:] |= below[:, :-1]
    gone[:, :-1] |= below[:, 1:]
    kept: Mask = field & ~gone
    return kept


def nine_point_sums(values: Map) -> Map:
    """Sums with the weights 1 2 1 / 2 4 2 / 1 2 1; nothing lies beyond the array."""
    half = values + values
    half[1:] += values[:-1]
    half[:-1] += values[1:]
    whole: Map = half + half
    whole[:, 1:] += half[:, :-1]
    whole[:, :-1] += half[:, 1:]
    return whole


def nine_point_squares(values: Map) -> Map:
    """Sums with the squared weights: the variance of a nine-point sum of independent pixels with variance `values`."""
    half = 4 * values
    half[1:] += values[:-1]
    half[:-1] += values[1:]
    whole = 4 * half
    whole[:, 1:] += half[:, :-1]
    whole[:, :-1] += half[:, 1:]
    return whole


def smoothed(values: Map, mask: Mask) -> Map:
    """One pass of the nine-point filter over `mask`, weights outside it zero and the rest renormalised; 0 outside."""
    inside = mask.astype(values.dtype)
    return np.where(mask, nine_point_sums(values * inside) / np.maximum(nine_point_sums(inside), 1), 0)


def percent(log_ratio: Any) -> Any:
    """100 (high − low) / (high + low) for high / low = exp(log_ratio)."""
    return 100 * np.tanh(0.5 * log_ratio)


def logarithm(values: Map, floor: float) -> Map:
    """ln of `values`, not below `floor`: ratios become differences and a dead area stays finite (and reads 100 %)."""
    return np.log(np.maximum(values, floor))


def run_range(logs: Map, axis: int, buffers: tuple[Map, Map, Map] | None = None) -> Map:
    """Highest minus lowest of each run of five down the columns (`axis` 0) or along the rows (1), by the run's first pixel.

    `logs[repetition, row, column]`, contiguous; `buffers`: three arrays like it. Whole maps are taken as lines of numbers,
    which makes it fast; runs that would reach over the end of a row or of the map are left out of what is returned.
    """
    high, low, pairs = (one.reshape(len(logs), -1) for one in buffers or [np.empty_like(logs) for _ in range(3)])
    line = logs.reshape(len(logs), -1)
    length, step = line.shape[1], logs.shape[2] if axis == 0 else 1
    for pick, extreme in ((np.maximum, high), (np.minimum, low)):
        pick(line[:, : length - step], line[:, step:], out=pairs[:, : length - step])
        fours = extreme[:, : length - 3 * step]
        pick(pairs[:, : length - 3 * step], pairs[:, 2 * step : length - step], out=fours)
        pick(fours[:, : length - 4 * step], line[:, 4 * step :], out=extreme[:, : length - 4 * step])
    np.subtract(high[:, : length - 4 * step], low[:, : length - 4 * step], out=high[:, : length - 4 * step])
    spread = high.reshape(logs.shape)
    return spread[:, :-4] if axis == 0 else spread[:, :, :-4]


def whole_runs(mask: Mask, axis: int) -> Mask:
    """Where five contiguous pixels along `axis` all lie in `mask`, by their first pixel."""
    view = mask if axis == 0 else mask.T
    if len(view) < RUN:
        return np.zeros_like(mask)[: 0 if axis == 0 else None, : 0 if axis == 1 else None]
    whole = view[:-4] & view[1:-3] & view[2:-2] & view[3:-1] & view[4:]
    return whole if axis == 0 else whole.T

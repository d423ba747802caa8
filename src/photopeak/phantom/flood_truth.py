"""The uniformity of an expectation map by the definition of NEMA NU 1, pixel by pixel, so that it can be read and checked.

It shares nothing with the procedure that measures floods: what both say of the same map must agree.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
WEIGHTS = {(dy, dx): (2 - abs(dy)) * (2 - abs(dx)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
FOUR = ((-1, 0), (1, 0), (0, -1), (0, 1))
Pixel = tuple[int, int]


def nema_uniformity(
    expectation: Floats,
    pixel_mm: float,
    ufov_mm: tuple[float, float],
    *,
    shape: str = "RECTANGLE",
    offset_mm: tuple[float, float] = (0.0, 0.0),
) -> list[dict[str, Any]]:
    """Integral and differential uniformity in % of the UFOV and the CFOV, binned to the pixel nearest to 6.4 mm.

    `offset_mm`: of the field from the centre of the matrix. Pixels at least half inside belong to a field.
    """
    factor = min((k for k in range(1, 65) if 4.48 <= k * pixel_mm <= 8.32), key=lambda k: abs(k * pixel_mm - 6.4), default=1)
    counts, places = _binned(expectation, pixel_mm, factor, offset_mm)
    size = factor * pixel_mm
    ufov = {at for at, place in places.items() if _share(place, size, ufov_mm, shape) >= 0.5}
    central_mm = (0.75 * ufov_mm[0], 0.75 * ufov_mm[1])
    cfov = {at for at in ufov if _share(places[at], size, central_mm, shape) >= 0.5}
    ufov = _after_edge_rule(counts, ufov, cfov)
    smooth = {at: _smoothed(counts, ufov, at) for at in ufov}
    return [
        {
            "fov": name,
            "integral_uniformity": _contrast([smooth[at] for at in inside]),
            "differential_uniformity": _differential(smooth, inside),
            "pixel_size_analysed": size,
            "pixels": len(inside),
        }
        for name, inside in (("UFOV", ufov), ("CFOV", cfov & ufov))
    ]


def _binned(
    expectation: Floats, pixel_mm: float, factor: int, offset_mm: tuple[float, float]
) -> tuple[dict[Pixel, float], dict[Pixel, tuple[float, float]]]:
    """Sums over blocks with a block edge at the centre of the field, and their centres in mm from it, (rows, columns)."""
    middle = [math.floor(expectation.shape[axis] / 2 + offset_mm[axis] / pixel_mm + 0.5) for axis in (0, 1)]
    counts, places = {}, {}
    for row in range(middle[0] % factor, expectation.shape[0] - factor + 1, factor):
        for column in range(middle[1] % factor, expectation.shape[1] - factor + 1, factor):
            at = ((row - middle[0]) // factor, (column - middle[1]) // factor)
            counts[at] = float(expectation[row : row + factor, column : column + factor].sum())
            centre = [
                (first + factor / 2 - expectation.shape[axis] / 2) * pixel_mm - offset_mm[axis]
                for axis, first in enumerate((row, column))
            ]
            places[at] = (centre[0], centre[1])
    return counts, places


def _share(place: tuple[float, float], size: float, field_mm: tuple[float, float], shape: str) -> float:
    """The share of a square pixel of side `size` at `place` that lies in the field."""
    if shape == "RECTANGLE":
        sides = [min(field_mm[a] / 2, place[a] + size / 2) - max(-field_mm[a] / 2, place[a] - size / 2) for a in (0, 1)]
        return max(0.0, sides[0] / size) * max(0.0, sides[1] / size)
    steps = (np.arange(8) + 0.5) / 8 - 0.5
    y, x = np.meshgrid(place[0] + steps * size, place[1] + steps * size, indexing="ij")
    if shape == "ROUND":
        return float((np.hypot(y, x) <= field_mm[1] / 2).mean())
    flat = field_mm[1] / 2 * math.sqrt(0.75)
    return float(((np.abs(y) <= flat) & (0.5 * np.abs(y) + math.sqrt(0.75) * np.abs(x) <= flat)).mean())


def _after_edge_rule(counts: dict[Pixel, float], ufov: set[Pixel], cfov: set[Pixel]) -> set[Pixel]:
    mean = sum(counts[at] for at in cfov) / len(cfov)
    edge = {at for at in ufov if any((at[0] + dy, at[1] + dx) not in ufov for dy, dx in FOUR)}
    gone = {at for at in edge if counts[at] < 0.75 * mean}
    gone |= {(at[0] + dy, at[1] + dx) for at in gone for dy, dx in FOUR}
    return ufov - gone


def _smoothed(counts: dict[Pixel, float], inside: set[Pixel], at: Pixel) -> float:
    used = [((at[0] + dy, at[1] + dx), weight) for (dy, dx), weight in WEIGHTS.items() if (at[0] + dy, at[1] + dx) in inside]
    return sum(weight * counts[one] for one, weight in used) / sum(weight for _, weight in used)


def _contrast(values: list[float]) -> float:
    high, low = max(values), min(values)
    return 100 * (high - low) / (high + low) if high + low > 0 else 0.0


def _differential(smooth: dict[Pixel, float], inside: set[Pixel]) -> float:
    worst = 0.0
    for row, column in inside:
        for dy, dx in ((0, 1), (1, 0)):
            run = [(row + dy * step, column + dx * step) for step in range(5)]
            if all(at in inside for at in run):
                worst = max(worst, _contrast([smooth[at] for at in run]))
    return worst

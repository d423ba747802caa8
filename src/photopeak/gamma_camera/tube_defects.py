"""Defects of the size of a photomultiplier in a binned flood: where, how wide, how deep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.gamma_camera.uniformity_map import Mask, median_of, nine_point_sums

Values = npt.NDArray[np.float64]

SIGNIFICANT = 6.0  #: times the noise, and times the camera's own pattern, at which a defect is told
STEPS = (1, 2, 4)  #: of the matched filter's passes
MOST = 6  #: defects told per field
MATCHED_NOISE = 0.084  #: of a pixel's noise, after the three matched passes
REACH_MM = 75.0  #: how far from its centre a defect is followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A cold (positive `depth_percent`) or hot spot. Position in mm from the centre of the field, x right, y down.

    `depth_percent`: the mean over its inner half against the ring round it; `uncertainty` k = 1 of it (counting noise and the
    scatter of the surroundings). `diameter_mm`: of the disc of that depth with the same missing counts.
    """

    x_mm: float
    y_mm: float
    diameter_mm: float
    depth_percent: float
    uncertainty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A defect on the grid: its centre in pixels, and its radial profile as a map to be added to the surroundings."""

    row: float
    column: float
    diameter_mm: float
    depth: float
    uncertainty: float
    profile: Values


def find_defects(residual: Values, base: Values, spread: Values, mask: Mask, bin_mm: tuple[float, float]) -> list[Found]:
    """Look for spots in `residual` (counts minus `base`) that stand out of noise and of the camera's own pattern.

    The variance of a pixel is its counts times `spread`.

    The matched filter is three passes of 1 2 1 with steps 1, 2 and 4 pixels: 50 mm wide at 6.4 mm pixels. Strongest first.
    """
    inside = mask.astype(np.float64)
    remaining = np.where(mask, residual, 0.0)
    weight = inside
    for step in STEPS:
        weight = _pass(weight, step)
    weight = np.where(mask, np.maximum(weight, 1e-3), 1.0)
    noise = np.sqrt(np.maximum(base * spread, 1e-9)) * MATCHED_NOISE * np.maximum(weight, 0.1) ** -0.5
    axes = np.arange(mask.shape[0], dtype=np.float64) * bin_mm[0], np.arange(mask.shape[1], dtype=np.float64) * bin_mm[1]
    found: list[Found] = []
    while len(found) < MOST:
        response = remaining
        for step in STEPS:
            response = _pass(response, step)
        response = response / weight * inside
        pattern = 1.4826 * median_of(np.abs(response[mask]))
        strength = np.abs(response) / (SIGNIFICANT * np.maximum(noise, pattern))
        at = int(np.argmax(strength))
        if strength.flat[at] < 1:
            break
        one = _measured(remaining, base, spread, mask, bin_mm, divmod(at, mask.shape[1]), axes)
        if one is None:
            break
        remaining = remaining - one.profile
        found.append(one)
    return found


def _pass(values: Values, step: int) -> Values:
    half = values + values
    half[step:] += values[:-step]
    half[:-step] += values[step:]
    whole = half + half
    whole[:, step:] += half[:, :-step]
    whole[:, :-step] += half[:, step:]
    return whole / 16


def _measured(
    residual: Values,
    base: Values,
    spread: Values,
    mask: Mask,
    bin_mm: tuple[float, float],
    peak: tuple[int, int],
    axes: tuple[Values, Values],
) -> Found | None:
    """Centre, diameter and depth of the spot about `peak`; None where too little of it lies in the field."""
    size = float(np.sqrt(bin_mm[0] * bin_mm[1]))
    centre = _centred(residual, mask, peak, axes)
    if centre is None:
        return None
    radius = np.hypot(axes[0][:, None] - centre[0], axes[1][None, :] - centre[1])
    ratio = -residual / np.maximum(base, 1e-9)
    ring_from, core_to = 0.6 * REACH_MM, max(12.0, 1.2 * size)
    depth = diameter = level = 0.0
    ring = core = mask
    for _ in range(4):
        ring = mask & (radius >= ring_from) & (radius < ring_from + 20)
        core = mask & (radius < core_to)
        if ring.sum() < 6 or not core.any():
            return None
        level = median_of(ratio[ring])
        depth = float(ratio[core].mean()) - level
        if depth == 0:
            return None
        within = mask & (radius < ring_from)
        area = float(((ratio[within] - level) / depth).sum()) * bin_mm[0] * bin_mm[1]
        diameter = 2 * float(np.sqrt(max(area, size * size) / np.pi))
        core_to = max(0.9 * size, 0.3 * diameter)
        ring_from = float(np.clip(0.6 * diameter + size, 12 + size, REACH_MM))
    scatter = np.pi / 2 * float(ratio[ring].var()) / float(ring.sum())  # of a median
    counts = np.maximum(base[core] + residual[core], 0)
    counting = float((counts * spread[core] / base[core] ** 2).sum()) / float(core.sum()) ** 2
    return Found(
        row=centre[0] / bin_mm[0],
        column=centre[1] / bin_mm[1],
        diameter_mm=diameter,
        depth=depth / (1 - level),
        uncertainty=float(np.sqrt(counting + scatter)),
        profile=_profile(residual, radius / size, mask, core_to / size, ring_from / size),
    )


def _centred(residual: Values, mask: Mask, peak: tuple[int, int], axes: tuple[Values, Values]) -> tuple[float, float] | None:
    """The centroid (mm, row and column) of what exceeds half the spot's height about `peak`, followed four times."""
    sums = nine_point_sums(residual)
    smooth = np.sign(sums[peak]) * sums / np.maximum(nine_point_sums(mask.astype(np.float64)), 1)
    y, x = float(axes[0][peak[0]]), float(axes[1][peak[1]])
    for _ in range(4):
        near = mask & (np.hypot(axes[0][:, None] - y, axes[1][None, :] - x) < 0.55 * REACH_MM)
        weight = np.clip(smooth - 0.5 * smooth[near].max(initial=0.0), 0, None) * near
        total = float(weight.sum())
        if total <= 0:
            return None
        y, x = float((weight.sum(axis=1) * axes[0]).sum()) / total, float((weight.sum(axis=0) * axes[1]).sum()) / total
    return y, x


def _profile(residual: Values, radius: Values, mask: Mask, core: float, reach: float) -> Values:
    """`residual` as a function of the radius (pixels) alone, out to `reach`: one mean within `core`, then rings of half a pixel."""
    inside = mask & (radius < reach)
    ring = np.ceil(2 * np.clip(radius[inside] - core, 0, None)).astype(int)
    number = np.bincount(ring)
    known = number > 0
    means = np.bincount(ring, weights=residual[inside])[known] / number[known]
    at = np.bincount(ring, weights=radius[inside])[known] / number[known]
    profile = np.zeros_like(residual)
    profile[inside] = np.where(radius[inside] <= core, means[0], np.interp(radius[inside], at, means))
    return profile


def described(found: Found, origin_mm: tuple[float, float], bin_mm: tuple[float, float]) -> Defect:
    """The defect in mm: `origin_mm` is the centre of the grid's first pixel from the centre of the field, (row, column)."""
    return Defect(
        x_mm=origin_mm[1] + found.column * bin_mm[1],
        y_mm=origin_mm[0] + found.row * bin_mm[0],
        diameter_mm=found.diameter_mm,
        depth_percent=100 * found.depth,
        uncertainty=100 * found.uncertainty,
    )

"""The cylinders on the lid of an ACR PET phantom, found in the image alone.

No drawing of the lid is assumed. In the mean of the slices that the hot cylinders fill, bright and dark spots are taken one by
one. A spot's excess summed over its surroundings does not depend on the blur and is proportional to the cylinder's cross-section:
the 25, 16 and 12 mm cylinders, filled from one solution, are known by 625 : 256 : 144, cold ones of 25 mm by all that is missing.
All must lie on one ring round the axis. Places are mm (row, column) from the centre of the volume.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from photopeak.cylinder import Cylinder, axes_mm
from photopeak.evidence import Volume
from photopeak.once import once_per_volume
from photopeak.pet.cylinder_section import FEWEST_SLICES, inside_section, locate_cylinder
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

HOT_MM = (25.0, 16.0, 12.0, 8.0)
COLD_MM = 25.0
RADII_MM = (95.0, 120.0)  #: of the phantom's body
LENGTHS_MM = (25.0, 50.0)  #: of the hot cylinders in the image; they are 38 mm
MIDDLE_MM = 20.0  #: of their length is measured
RECOGNISED_MM = 28.0  #: of their length shows what they are: their ends, blurred alike, do not matter there
AROUND_MM = 18.0  #: a spot's excess is summed so far from it
WALL_MM = 14.0  #: spots are looked for so far from the wall
MOST_SPOTS = 9
RING_MM = (40.0, 85.0)
OFF_RING_MM = 6.0
SAME_SOLUTION = (0.35, 0.6)  #: of the logarithm of a cross-section ratio, 16 and 12 mm
STANDS_OUT = 0.12  #: of the background, 7 mm wide: the 8 mm cylinder at twice the background does
COLD_SHARE = (0.5, 1.25)  #: of its content that a cold cylinder lacks
FROM_INSERTS_MM = 8.0
FAINTEST_HOT = 0.3  #: excess of the 25 mm cylinder over the background
FAINTEST_SMALL = 4.0  #: a small cylinder's height over the noise of its fit
TABLE_MM = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hot:
    """A hot cylinder: its diameter, place and height (concentration over background, less one) as fitted."""

    diameter_mm: float
    place_mm: tuple[float, float]
    height: float


@dataclass(frozen=True, slots=True)
class Spot:
    """Place (row, column), mm, and excess over the background summed over its surroundings, mm²; negative: activity is missing."""

    row_mm: float
    column_mm: float
    amount_mm2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lid:
    """The phantom as recognised. `slices`: the middle of the hot cylinders, `level`: the background of the `uniform` ones.

    `plane[row, column]` is the mean of `slices` over the background. `hot`: the 25, 16 and 12 mm cylinders, then what else is
    bright; `cold`: counter-clockwise from the largest hot one as the image is shown.
    """

    cylinder: Cylinder
    uniform: slice
    slices: slice
    middle_mm: float
    length_mm: float
    level: float
    hot: tuple[Spot, ...]
    cold: tuple[Spot, ...]
    ring_mm: float
    plane: Floats

    def at(self, place_mm: tuple[float, float], z_mm: float) -> tuple[float, float]:
        """The place in a slice: the cylinders follow the axis."""
        slope_x, slope_y = self.cylinder.slope
        return place_mm[0] + slope_y * (z_mm - self.middle_mm), place_mm[1] + slope_x * (z_mm - self.middle_mm)


@once_per_volume
def find_lid(volume: Volume) -> Lid | Words:
    """The phantom, or the reason why this is another object."""
    found = locate_cylinder(volume)
    if isinstance(found, Words):
        return found
    cylinder, uniform = found
    end = math.ceil(FROM_INSERTS_MM / volume.spacing_mm[0])
    if uniform.stop - uniform.start >= 2 * end + FEWEST_SLICES:  # lid and rods blur into the slices beside them
        uniform = slice(uniform.start + end, uniform.stop - end)
    if not RADII_MM[0] <= cylinder.radius_mm <= RADII_MM[1]:
        return Words(
            f"the cylinder's radius is {cylinder.radius_mm:.0f} mm, the phantom's 108 mm",
            f"圆柱半径为 {cylinder.radius_mm:.0f} mm，而该模体为 108 mm",
        )
    inside = inside_section(volume, cylinder)
    level = float(volume.values[uniform][:, inside].mean(dtype=np.float64))
    hottest = _hottest(volume, cylinder, uniform, level)
    if hottest is None:
        return Words("no hot cylinders beside a uniform section", "均匀段旁未见热圆柱")
    extent = _extent(volume, level, *hottest)
    if isinstance(extent, Words):
        return extent
    middle_mm, length_mm = extent
    z_mm, _, _ = axes_mm(volume)
    wide, slices = (_slices(z_mm, middle_mm, length) for length in (RECOGNISED_MM, MIDDLE_MM))
    spots = _spots(volume, cylinder, volume.values[wide].mean(axis=0, dtype=np.float64) / level)
    return _identified(volume, cylinder, spots, uniform, slices, middle_mm, length_mm, level)


def _slices(z_mm: Floats, middle_mm: float, length_mm: float) -> slice:
    near = np.flatnonzero(np.abs(z_mm - middle_mm) <= max(length_mm / 2, 0.75 * float(z_mm[1] - z_mm[0])))
    return slice(int(near[0]), int(near[-1]) + 1)


def _hottest(volume: Volume, cylinder: Cylinder, uniform: slice, level: float) -> tuple[float, float] | None:
    """Place of the hottest spot, 8 mm wide, that stands out in the mean of the slices on either side of the uniform ones."""
    best: tuple[float, tuple[float, float]] | None = None
    for part in (slice(cylinder.first, uniform.start), slice(uniform.stop, cylinder.last + 1)):
        if part.stop - part.start < 2:
            continue
        plane = volume.values[part].mean(axis=0, dtype=np.float64) / level - 1
        smooth = ndimage.gaussian_filter(plane, [3.4 / mm for mm in volume.spacing_mm[1:]])
        smooth = np.where(_searched(volume, cylinder), smooth, -np.inf)
        at = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
        if smooth[at] > FAINTEST_HOT / 2 and (best is None or smooth[at] > best[0]):
            _, y_mm, x_mm = axes_mm(volume)
            best = float(smooth[at]), (float(y_mm[at[0]]), float(x_mm[at[1]]))
    return None if best is None else best[1]


def _searched(volume: Volume, cylinder: Cylinder) -> npt.NDArray[np.bool_]:
    _, y_mm, x_mm = axes_mm(volume)
    x, y = cylinder.axis_at(0.0)
    found: npt.NDArray[np.bool_] = np.hypot(y_mm[:, None] - y, x_mm[None, :] - x) < cylinder.radius_mm - WALL_MM
    return found


def _extent(volume: Volume, level: float, row_mm: float, column_mm: float) -> tuple[float, float] | Words:
    """Middle and length of the hottest cylinder, between the half heights of its excess along the axis."""
    z_mm, y_mm, x_mm = axes_mm(volume)
    near = np.hypot(y_mm[:, None] - row_mm, x_mm[None, :] - column_mm) <= 8.0
    excess = volume.values[:, near].mean(axis=1, dtype=np.float64) / level - 1
    smooth = ndimage.gaussian_filter1d(excess, 2.0 / volume.spacing_mm[0])
    top = int(np.argmax(smooth))
    half = float(np.median(smooth[smooth > 0.7 * smooth[top]])) / 2
    first, last = top, top
    while first > 0 and smooth[first - 1] > half:
        first -= 1
    while last < len(smooth) - 1 and smooth[last + 1] > half:
        last += 1
    if first == 0 or last == len(smooth) - 1:
        return Words("the hot cylinders are cut off by the end of the field", "热圆柱被轴向视野边缘截断")
    step = volume.spacing_mm[0]
    low = z_mm[first] - step * (smooth[first] - half) / (smooth[first] - smooth[first - 1])
    high = z_mm[last] + step * (smooth[last] - half) / (smooth[last] - smooth[last + 1])
    length = float(high - low)
    if not LENGTHS_MM[0] <= length <= LENGTHS_MM[1]:
        return Words(
            f"the hottest insert is {length:.0f} mm long, the phantom's cylinders 38 mm",
            f"最热插件长 {length:.0f} mm，而该模体的热圆柱长 38 mm",
        )
    return float(low + high) / 2, length


def _spots(volume: Volume, cylinder: Cylinder, plane: Floats) -> list[Spot]:
    """The strongest departures from the background, one after the other, each with its surroundings taken out."""
    _, y_mm, x_mm = axes_mm(volume)
    left = plane - 1
    x, y = cylinder.axis_at(0.0)
    searched = _searched(volume, cylinder)
    area = volume.spacing_mm[1] * volume.spacing_mm[2]
    found = []
    for _ in range(MOST_SPOTS):
        smooth = ndimage.gaussian_filter(left, [3.0 / mm for mm in volume.spacing_mm[1:]])
        strength = np.where(searched, np.abs(smooth), 0.0)
        at = np.unravel_index(int(np.argmax(strength)), strength.shape)
        if strength[at] < STANDS_OUT:
            break
        row, column = float(y_mm[at[0]]), float(x_mm[at[1]])
        sign = math.copysign(1.0, float(smooth[at]))
        for reach in (10.0, 14.0):
            near = np.hypot(y_mm[:, None] - row, x_mm[None, :] - column) <= reach
            weight = np.where(near, np.maximum(sign * left, 0.0), 0.0)
            if weight.sum() > 0:
                row, column = float(weight.sum(axis=1) @ y_mm / weight.sum()), float(weight.sum(axis=0) @ x_mm / weight.sum())
        away = np.hypot(y_mm[:, None] - row, x_mm[None, :] - column)
        if np.hypot(row - y, column - x) < cylinder.radius_mm - WALL_MM:
            found.append(Spot(row, column, float(left[away <= AROUND_MM].sum()) * area))
        searched = searched & (away > AROUND_MM)
        left = np.where(away > AROUND_MM, left, 0.0)
    return found


def _identified(
    volume: Volume,
    cylinder: Cylinder,
    spots: list[Spot],
    uniform: slice,
    slices: slice,
    middle_mm: float,
    length_mm: float,
    level: float,
) -> Lid | Words:
    whole = math.pi / 4 * COLD_MM**2
    cold = [one for one in spots if COLD_SHARE[0] <= -one.amount_mm2 / whole <= COLD_SHARE[1]]
    hot = sorted((one for one in spots if one.amount_mm2 > 0), key=lambda one: -one.amount_mm2)
    if len(cold) not in (2, 3) or len(hot) < 3:
        return Words(
            f"{len(hot)} hot and {len(cold)} cold cylinders in the section of inserts; the phantom has 4 hot and 3 cold ones",
            f"插件段中有 {len(hot)} 个热圆柱、{len(cold)} 个冷圆柱；该模体有 4 个热圆柱和 3 个冷圆柱",
        )
    if hot[0].amount_mm2 < FAINTEST_HOT * whole:
        return Words(
            "the largest hot insert is too faint for the phantom's 25 mm cylinder", "最大热插件过弱，不像 25 mm 热圆柱"
        )
    for spot, diameter, tolerance in zip(hot[1:3], HOT_MM[1:3], SAME_SOLUTION):
        expected = (diameter / HOT_MM[0]) ** 2
        if abs(math.log(spot.amount_mm2 / hot[0].amount_mm2 / expected)) > tolerance:
            return Words(
                "the hot inserts do not have the cross-sections of 25, 16 and 12 mm cylinders filled from one solution",
                "各热插件的截面与同一溶液充填的 25、16、12 mm 圆柱不符",
            )
    x, y = cylinder.axis_at(middle_mm)
    away = np.array([math.hypot(one.row_mm - y, one.column_mm - x) for one in (*hot[:3], *cold)])
    ring = float(away.mean())
    if not RING_MM[0] <= ring <= RING_MM[1] or np.abs(away - ring).max() > OFF_RING_MM:
        return Words("the inserts do not lie on one ring round the axis", "各插件不在同一圆周上")
    first = math.atan2(hot[0].row_mm - y, hot[0].column_mm - x)
    # Rows run downwards: counter-clockwise on the screen is the falling angle.
    cold.sort(key=lambda one: (first - math.atan2(one.row_mm - y, one.column_mm - x)) % (2 * math.pi))
    return Lid(
        cylinder=cylinder,
        uniform=uniform,
        slices=slices,
        middle_mm=middle_mm,
        length_mm=length_mm,
        level=level,
        hot=tuple(hot),
        cold=tuple(cold),
        ring_mm=ring,
        plane=volume.values[slices].mean(axis=0, dtype=np.float64) / level,
    )


def fit_hot(volume: Volume, lid: Lid) -> tuple[tuple[Hot, ...], float]:
    """Places and heights of the hot cylinders, 8 mm last if it stands out of the noise, and the blur (sigma, mm) of all."""
    fitted, sigma = _fitted(volume, lid.plane, lid.hot[:3])
    x, y = lid.cylinder.axis_at(lid.middle_mm)
    return (*fitted, *_smallest(volume, lid.plane, lid.hot[3:], fitted, sigma, (y, x), lid.ring_mm)), sigma


def _fitted(volume: Volume, plane: Floats, spots: tuple[Spot, ...]) -> tuple[tuple[Hot, ...], float]:
    """Place and height of the three largest, with one blur for all."""
    from scipy import optimize

    _, y_mm, x_mm = axes_mm(volume)
    windows = []
    for spot in spots:
        near = np.hypot(y_mm[:, None] - spot.row_mm, x_mm[None, :] - spot.column_mm) <= AROUND_MM
        rows, columns = np.nonzero(near)
        windows.append((y_mm[rows], x_mm[columns], plane[near] - 1))

    def residuals(p: Floats) -> Floats:
        sigma = float(np.clip(p[0], 1.0, 8.0))
        parts = []
        for k, (down, across, values) in enumerate(windows):
            row, column, height, base = p[1 + 4 * k : 5 + 4 * k]
            model = height * blurred_disc(np.hypot(down - row, across - column), HOT_MM[k] / 2, sigma) + base
            parts.append(values - model)
        return np.concatenate(parts)

    start = [3.0]
    for spot, diameter in zip(spots, HOT_MM):
        start += [spot.row_mm, spot.column_mm, spot.amount_mm2 / (math.pi / 4 * diameter**2), 0.0]
    solved = optimize.least_squares(
        residuals, start, method="lm", x_scale=np.maximum(np.abs(start), 1.0), max_nfev=400, diff_step=2e-3
    ).x
    hot = tuple(
        Hot(
            diameter_mm=HOT_MM[k],
            place_mm=(float(solved[1 + 4 * k]), float(solved[2 + 4 * k])),
            height=float(solved[3 + 4 * k]),
        )
        for k in range(3)
    )
    return hot, float(np.clip(solved[0], 1.0, 8.0))


def _smallest(
    volume: Volume,
    plane: Floats,
    spots: tuple[Spot, ...],
    fitted: tuple[Hot, ...],
    sigma_mm: float,
    axis_mm: tuple[float, float],
    ring_mm: float,
) -> tuple[Hot, ...]:
    """The 8 mm cylinder: the place on the ring, clear of the others, where a blurred disc of that size fits with the most height;
    none where that does not stand out of the noise."""
    from scipy import optimize

    _, y_mm, x_mm = axes_mm(volume)
    height = float(np.mean([one.height for one in fitted[:2]]))
    on_ring = [s for s in spots if abs(math.hypot(s.row_mm - axis_mm[0], s.column_mm - axis_mm[1]) - ring_mm) < OFF_RING_MM]
    best: tuple[float, Hot] | None = None
    for spot in on_ring:
        near = np.hypot(y_mm[:, None] - spot.row_mm, x_mm[None, :] - spot.column_mm) <= 12.0
        rows, columns = np.nonzero(near)
        down, across, values = y_mm[rows], x_mm[columns], plane[near] - 1

        def residuals(p: Floats, down: Floats = down, across: Floats = across, values: Floats = values) -> Floats:
            disc = blurred_disc(np.hypot(down - p[0], across - p[1]), HOT_MM[3] / 2, sigma_mm)
            found: Floats = values - p[2] * disc - p[3]
            return found

        solved = optimize.least_squares(residuals, [spot.row_mm, spot.column_mm, height, 0.0], method="lm", max_nfev=200)
        noise = float(np.std(solved.fun)) or 1e-12
        hot = Hot(diameter_mm=HOT_MM[3], place_mm=(float(solved.x[0]), float(solved.x[1])), height=float(solved.x[2]))
        likely = 0.4 < hot.height / height < 2.5
        if likely and hot.height > FAINTEST_SMALL * noise and (best is None or hot.height > best[0]):
            best = hot.height, hot
    return () if best is None else (best[1],)


def blurred_disc(away_mm: Floats, radius_mm: float, sigma_mm: float) -> Floats:
    """A disc of height 1 convolved with a Gaussian, at `away_mm` from its centre."""
    found: Floats = np.interp(away_mm, *_table(radius_mm, round(sigma_mm, 4)))
    return found


@lru_cache(maxsize=512)
def _table(radius_mm: float, sigma_mm: float) -> tuple[Floats, Floats]:
    from scipy.special import ive

    at = np.arange(0.0, radius_mm + 6 * sigma_mm + TABLE_MM, TABLE_MM)
    nodes, weight = np.polynomial.legendre.leggauss(32)
    rings = (nodes + 1) / 2 * radius_mm
    near = np.exp(-((at[:, None] - rings) ** 2) / (2 * sigma_mm**2)) * ive(0, np.outer(at, rings) / sigma_mm**2)
    values = (near * rings / sigma_mm**2 * weight).sum(axis=1) * radius_mm / 2
    values[-1] = 0.0
    return at, values

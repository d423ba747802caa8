"""Cold rods of a Jaszczak phantom in slices of any modality: six sectors on triangular lattices, and what the image keeps of each.

Rods of diameter d stand 2 d apart in sectors of 60 degrees. In each the three lattice waves (period d times the square root of 3) are
fitted with free phase; their mean amplitude over that of ideal cold rods of the same mean is the modulation. The orientation of the
six sectors is fitted first. Resolved: the modulation exceeds three times its noise, and at least three quarters of the sector's rods
are darker than the water around them (ACR phantom criteria, revised 2024-08-02).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates
from scipy.special import j1

from photopeak.cylinder import Cylinder, axes_mm
from photopeak.evidence import Volume
from photopeak.measurement import Measurement, Quantity
from photopeak.slice_correlation import correlation_gain

Floats = npt.NDArray[np.float64]

MODULATION = Quantity(name="rod_modulation", unit="1", en="rod modulation", zh="棒区调制度")
SMALLEST = Quantity(name="smallest_resolved_rod", unit="mm", en="smallest resolved rod", zh="可分辨的最小棒径")

RODS_MM = (12.7, 11.1, 9.5, 7.9, 6.4, 4.8)
HALF_WEDGE_DEG = 22.0
WEDGE_RADII = (0.25, 0.88)  # of the cylinder's
WAVES_DEG = (0.0, 60.0, 120.0)  # from the middle of the sector
FILLED = math.pi / (8 * math.sqrt(3))  # share of the plane that rods of half the pitch fill
WAVE = math.pi / math.sqrt(3)  # wave number times radius of a rod
IDEAL = 2 * FILLED * 2 * float(j1(WAVE)) / WAVE / (1 - FILLED)  # amplitude over mean, of ideal cold rods
Z_RESOLVED = 3.0
SHARE_SEEN = 0.75


@dataclass(frozen=True, slots=True)
class _Field:
    """Positions of the pixels from the cylinder's axis, mm and radians, [row, column]."""

    x_mm: Floats
    y_mm: Floats
    away_mm: Floats
    angle: Floats
    radius_mm: float

    @classmethod
    def of(cls, volume: Volume, cylinder: Cylinder, part: slice) -> _Field:
        z_mm, y_mm, x_mm = axes_mm(volume)
        x0, y0 = cylinder.axis_at(float(z_mm[(part.start + part.stop - 1) // 2]))
        x, y = np.broadcast_arrays(x_mm[None, :] - x0, y_mm[:, None] - y0)
        return cls(x, y, np.hypot(x, y), np.arctan2(y, x), cylinder.radius_mm)

    def cropped(self, image: Floats) -> tuple[Floats, _Field]:
        """The image and the positions of the rows and columns that hold sectors."""
        used = self.away_mm < WEDGE_RADII[1] * self.radius_mm
        box = np.ix_(used.any(axis=1), used.any(axis=0))
        return image[box], _Field(self.x_mm[box], self.y_mm[box], self.away_mm[box], self.angle[box], self.radius_mm)

    def wedge(self, middle: float, rod_mm: float) -> npt.NDArray[np.bool_]:
        """Pixels well inside the sector round the direction `middle`, not too near the axis for its rods."""
        off = np.abs((self.angle - middle + math.pi) % (2 * math.pi) - math.pi)
        nearest = max(WEDGE_RADII[0] * self.radius_mm, 2.2 * rod_mm)
        return (
            (off < math.radians(HALF_WEDGE_DEG)) & (self.away_mm > nearest) & (self.away_mm < WEDGE_RADII[1] * self.radius_mm)
        )

    def waves(self, inside: npt.NDArray[np.bool_], middle: float, rod_mm: float) -> Floats:
        """Columns of the fit: constant, plane, and cosine and sine of the three lattice waves."""
        x, y = self.x_mm[inside], self.y_mm[inside]
        number = 2 * WAVE / rod_mm
        columns = [np.ones_like(x), x / self.radius_mm, y / self.radius_mm]
        for degrees in WAVES_DEG:
            direction = middle + math.radians(degrees)
            phase = number * (x * math.cos(direction) + y * math.sin(direction))
            columns += [np.cos(phase), np.sin(phase)]
        return np.stack(columns, axis=1)


def _explained(image: Floats, field: _Field, rod_mm: float, middle: float) -> float:
    """How much of the sector's variance the waves explain beyond a plane, as a share of its mean squared."""
    inside = field.wedge(middle, rod_mm)
    columns, values = field.waves(inside, middle, rod_mm), image[inside]
    found = np.linalg.solve(columns.T @ columns, columns.T @ values)
    return float((found[3:] ** 2).sum()) / max(float(values.mean()) ** 2, 1e-300)


def _orientation(image: Floats, field: _Field, sizes: tuple[float, ...]) -> tuple[float, int]:
    """Direction of the largest rods' sector, and whether the next follows towards y (+1) or away (-1): the best of all."""
    image, field = field.cropped(image)

    @cache
    def explained(rank: int, degrees: float) -> float:
        return _explained(image, field, sizes[rank], math.radians(degrees))

    def score(degrees: float, turn: int) -> float:
        return sum(explained(rank, round(degrees + turn * 60 * rank, 3) % 360) for rank in range(len(sizes)))

    _, start, turn = max((score(d, turn), float(d), turn) for d in range(0, 360, 3) for turn in (1, -1))
    for step in (0.75, 0.2):
        start = max((start + step * n for n in range(-4, 5)), key=lambda degrees: score(degrees, turn))
    return math.radians(start), turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Sector:
    rod_mm: float
    wedge: npt.NDArray[np.bool_]
    measurement: Measurement
    z: float
    seen: float  #: share of the rods darker than their surroundings
    pull: Floats  #: how far each pixel [row, column] of the mean of the slices moves the modulation

    @property
    def resolved(self) -> bool:
        return self.z > Z_RESOLVED and self.seen >= SHARE_SEEN


def _sector(slices: Floats, field: _Field, rod_mm: float, middle: float, gain: float) -> Sector:
    """One sector: waves fitted to every slice, so that the slices themselves say how certain their mean is.

    `gain`: how much less certain it is for the slices being coupled.
    """
    inside = field.wedge(middle, rod_mm)
    values = slices[:, inside]
    inverse = np.linalg.pinv(field.waves(inside, middle, rod_mm))
    fitted = values @ inverse.T
    level = float(values.mean())
    waves = fitted[:, 3::2] + 1j * fitted[:, 4::2]
    mean = waves.mean(axis=0)
    noise = gain**2 * (np.abs(waves - mean) ** 2).sum(axis=0) / (len(waves) - 1) / len(waves)  # of the mean, both parts
    # An amplitude is never negative: noise enlarges a small one, and that part is in the uncertainty too.
    amplitude = np.abs(mean)
    true = np.sqrt(np.maximum(amplitude**2 - noise, 0.0))
    value = float(amplitude.mean()) / level / IDEAL
    sd = math.sqrt(float((noise / 2).sum())) / len(mean) / level / IDEAL
    enlarged = float((amplitude - true).mean()) / level / IDEAL
    phase = mean / np.maximum(amplitude, 1e-300)
    pull = np.zeros(slices.shape[1:])
    pull[inside] = (phase.real @ inverse[3::2] + phase.imag @ inverse[4::2]) / len(mean) / level / IDEAL - value / values[
        0
    ].size / level
    together = math.sqrt(float((amplitude**2).sum() / max(float(noise.sum()), 1e-300)))
    return Sector(
        rod_mm=rod_mm,
        wedge=inside,
        measurement=MODULATION.of(value, math.hypot(sd, enlarged), rod_mm=rod_mm),
        z=together,
        seen=_share_seen(slices.mean(axis=0), field, rod_mm, middle, mean),
        pull=pull,
    )


def _share_seen(image: Floats, field: _Field, rod_mm: float, middle: float, waves: npt.NDArray[np.complex128]) -> float:
    """Share of the sector's rods that are darker than the water half a pitch away, on the average of six directions."""
    directions = [middle + math.radians(one) for one in WAVES_DEG]
    number = 2 * WAVE / rod_mm
    # A rod stands where the waves are lowest: number * (u . r) = phase + pi in the first two directions.
    phases = [float(np.angle(one)) + math.pi for one in waves[:2]]
    matrix = number * np.array([[math.cos(d), math.sin(d)] for d in directions[:2]])
    reach = int(field.radius_mm / rod_mm) + 2
    steps = np.arange(-reach, reach + 1)
    i, j = (grid.ravel() for grid in np.meshgrid(steps, steps, indexing="ij"))
    places = np.linalg.solve(matrix, np.stack([phases[0] + 2 * math.pi * i, phases[1] + 2 * math.pi * j]))
    off = np.abs((np.arctan2(places[1], places[0]) - middle + math.pi) % (2 * math.pi) - math.pi)
    away = np.hypot(*places)
    kept = (off < math.radians(HALF_WEDGE_DEG)) & (away > max(WEDGE_RADII[0] * field.radius_mm, 2.2 * rod_mm))
    places = places[:, kept & (away < WEDGE_RADII[1] * field.radius_mm)]
    if not places.size:
        return 0.0
    around = [middle + math.pi / 6 + math.pi / 3 * n for n in range(6)]
    water = np.mean(
        [_at(image, field, places[0] + rod_mm * math.cos(a), places[1] + rod_mm * math.sin(a)) for a in around], axis=0
    )
    return float((_at(image, field, places[0], places[1]) < water).mean())


def _at(image: Floats, field: _Field, x_mm: Floats, y_mm: Floats) -> Floats:
    column = (x_mm - field.x_mm[0, 0]) / (field.x_mm[0, 1] - field.x_mm[0, 0])
    row = (y_mm - field.y_mm[0, 0]) / (field.y_mm[1, 0] - field.y_mm[0, 0])
    return np.asarray(map_coordinates(image, [row, column], order=1), dtype=np.float64)


def smallest_resolved(sectors: list[Sector]) -> float:
    """The smallest size resolved such that every larger one is; the largest sector may fail alone (it holds few rods)."""
    smallest = math.inf
    for rank, one in enumerate(sectors):
        if one.resolved:
            smallest = one.rod_mm
        elif rank > 0:
            break
    return smallest


@dataclass(frozen=True, slots=True, kw_only=True)
class RodSection:
    """The sectors as measured, largest rods first; the direction of the first and the turn to the next; the mean of the slices."""

    sectors: list[Sector]
    rotation: float
    turn: int
    slab: Floats

    def measurements(self) -> tuple[Measurement, ...]:
        """Modulation of each sector, and the smallest rods resolved where there are any."""
        smallest = smallest_resolved(self.sectors)
        found = [one.measurement for one in self.sectors]
        return (*found, SMALLEST.of(smallest)) if math.isfinite(smallest) else tuple(found)


def rod_section(volume: Volume, cylinder: Cylinder, part: slice, sizes: tuple[float, ...] = RODS_MM) -> RodSection:
    """The six sectors of the slices `part`, whatever modality made them."""
    slices = volume.values[part].astype(np.float64)
    field = _Field.of(volume, cylinder, part)
    rotation, turn = _orientation(slices.mean(axis=0), field, sizes)
    gain = correlation_gain(slices[:, field.away_mm < WEDGE_RADII[1] * field.radius_mm])
    sectors = [_sector(slices, field, mm, rotation + turn * math.pi / 3 * rank, gain) for rank, mm in enumerate(sizes)]
    return RodSection(sectors=sectors, rotation=rotation, turn=turn, slab=slices.mean(axis=0))

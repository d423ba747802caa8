"""Rods of a Jaszczak phantom: how much of each sector's pattern the image keeps, and the smallest rods that are resolved.

Cold rods of diameter d stand on a triangular lattice of pitch 2 d in six sectors of 60 degrees. In each sector the three
lattice waves (period d times the square root of 3) are fitted with free phase; their mean amplitude over that of ideal cold
rods of the same mean is the modulation: 1 for a perfect image, the transfer function at that frequency for a blurred one. The
orientation of the six sectors is fitted first. Rule for "resolved": the modulation exceeds three times its noise, and at least
three quarters of the sector's rods are darker than the water around them (ACR phantom criteria, revised 2024-08-02).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates
from scipy.special import j1

from photopeak.cylinder import Cylinder, axes_mm, crop_round, find_cylinder, inserted_slices
from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Circle, Figure, Outline, Picture, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.spect.slice_correlation import correlation_gain
from photopeak.words import Words

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
FEWEST_SLICES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rods(Result):
    """`slab[row, column]`: mean of the slices through the rods; `wedges[sector]` are masks, largest rods first."""

    slab: Floats
    pixel_mm: tuple[float, float]
    cylinder: Cylinder
    wedges: tuple[npt.NDArray[np.bool_], ...]
    rods_mm: tuple[float, ...]
    rotation_deg: float
    turn: int

    def figures(self) -> tuple[Figure, ...]:
        crop = crop_round(self.cylinder, self.slab.shape, self.pixel_mm)
        x, y = self.cylinder.axis_at(0.0)
        found = [m for m in self.measurements if m.quantity is MODULATION]
        picture = Picture(
            title=Words("Mean of the slices through the rods", "棒区各层平均图像"),
            values=self.slab[crop.rows, crop.columns],
            pixel_mm=self.pixel_mm,
            left_mm=crop.left_mm,
            top_mm=crop.top_mm,
            window=(0.0, float(np.percentile(self.slab, 99.8))),
            unit=Words("counts", "计数"),
            overlays=(
                *(
                    Outline(mask=wedge[crop.rows, crop.columns], label=f"{mm:g}")
                    for wedge, mm in zip(self.wedges, self.rods_mm)
                ),
                Circle(x_mm=x, y_mm=y, radius_mm=self.cylinder.radius_mm, style="dashed"),
            ),
        )
        chart = Chart(
            title=MODULATION.words,
            x=Axis(label=Words("rod diameter", "棒直径"), unit="mm"),
            y=Axis(label=MODULATION.words),
            marks=(Points(x=tuple(float(m.where["rod_mm"]) for m in found), measurements=tuple(found)),),
        )
        return (picture, chart)


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume):
        return Words("not a reconstructed volume", "不是断层重建图像")
    found = find_cylinder(evidence.images)
    if isinstance(found, Words):
        return found
    part = inserted_slices(evidence.images, found)
    if part.stop - part.start < FEWEST_SLICES:
        return Words("a cylinder without a section of rods", "圆柱模体内未见棒区")
    return None


@procedure(
    en="Rods",
    zh="断层棒区分辨",
    implements="ACR phantom criteria, revised 2024-08-02 (rule of 75 %)",
    kinds=("nm_volume",),
    quantities=(MODULATION, SMALLEST),
    accepts=accepts,
)
def rods(
    evidence: Evidence,
    *,
    rod_diameters_mm: Annotated[str, Words("rod diameters in mm, or auto", "棒直径（mm），或 auto")] = "auto",
) -> Rods:
    """Modulation of each of six sectors of cold rods, and the smallest rods resolved."""
    volume, cylinder, part = _section(evidence)
    sizes = _sizes(evidence, rod_diameters_mm)
    section = rod_section(volume, cylinder, part, sizes)
    sectors, rotation, turn = section.sectors, section.rotation, section.turn
    if not any(one.resolved for one in sectors[:2]):
        raise Refused(
            "rods_not_found",
            en=f"{evidence.name}: a section with inserts, but neither of the two largest sectors of rods ({sizes[0]:g} and "
            f"{sizes[1]:g} mm) stands out of its noise; check the rod diameters (rod_widths_mm) and the counts",
            zh=f"{evidence.name}：存在插件区，但最大的两个扇区（{sizes[0]:g} 和 {sizes[1]:g} mm）的棒均未高于噪声；"
            "请核对棒直径（rod_widths_mm）与计数。",
        )
    return Rods(
        measurements=section.measurements(),
        remarks=tuple(_noticed(sectors)),
        conditions=tuple(_conditions(part, volume, rotation, turn, sectors)),
        slab=section.slab,
        pixel_mm=volume.spacing_mm[1:],
        cylinder=cylinder,
        wedges=tuple(one.wedge for one in sectors),
        rods_mm=sizes,
        rotation_deg=math.degrees(rotation) % 360.0,
        turn=turn,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RodSection:
    """The sectors as measured, largest rods first; the direction of the first and the turn to the next; the mean of the slices."""

    sectors: list[_Sector]
    rotation: float
    turn: int
    slab: Floats

    def measurements(self) -> tuple[Measurement, ...]:
        """Modulation of each sector, and the smallest rods resolved where there are any."""
        smallest = _smallest(self.sectors)
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


def _section(evidence: Evidence) -> tuple[Volume, Cylinder, slice]:
    volume = evidence.images
    found = find_cylinder(volume) if isinstance(volume, Volume) else Words("not a reconstructed volume", "不是断层重建图像")
    if isinstance(found, Words) or not isinstance(volume, Volume):
        why = found if isinstance(found, Words) else Words("no volume", "无图像")
        raise Refused(
            "not_a_cylinder",
            en=f"{evidence.name}: {why.en}; the test needs the transaxial slices of a cylindrical phantom with rods",
            zh=f"{evidence.name}：{why.zh}；本检测需要含棒圆柱模体的横断面重建图像。",
        )
    part = inserted_slices(volume, found)
    dark = max(0, part.stop - part.start)
    if dark < FEWEST_SLICES:
        raise Refused(
            "no_rods",
            en=f"{evidence.name}: {dark} slices are darker than the uniform ones, a section "
            "of rods needs "
            f"{FEWEST_SLICES}; is this a uniform phantom?",
            zh=f"{evidence.name}：低于均匀层的层面仅 {dark} 层，棒区至少需要 {FEWEST_SLICES} 层；请确认是否为均匀模体。",
        )
    return volume, found, part


def _sizes(evidence: Evidence, text: str) -> tuple[float, ...]:
    given = evidence.facts.get("rod_widths_mm", RODS_MM) if text.strip() in ("", "auto") else text.replace("，", ",").split(",")
    try:
        sizes = tuple(sorted((float(one) for one in given), reverse=True))
    except ValueError:
        sizes = ()
    if len(sizes) != 6 or min(sizes) <= 0:
        raise Refused(
            "rod_diameters",
            en=f"six rod diameters in mm are needed, one a sector, for example 12.7,11.1,9.5,7.9,6.4,4.8; found {text!r}",
            zh=f"需要六个扇区的棒直径（mm），例如 12.7,11.1,9.5,7.9,6.4,4.8；当前为 {text!r}。",
        )
    return sizes


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
class _Sector:
    rod_mm: float
    wedge: npt.NDArray[np.bool_]
    measurement: Measurement
    z: float
    seen: float  #: share of the rods darker than their surroundings
    pull: Floats  #: how far each pixel [row, column] of the mean of the slices moves the modulation

    @property
    def resolved(self) -> bool:
        return self.z > Z_RESOLVED and self.seen >= SHARE_SEEN


def _sector(slices: Floats, field: _Field, rod_mm: float, middle: float, gain: float) -> _Sector:
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
    return _Sector(
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


def _smallest(sectors: list[_Sector]) -> float:
    """The smallest size resolved such that every larger one is; the largest sector may fail alone (it holds few rods)."""
    smallest = math.inf
    for rank, one in enumerate(sectors):
        if one.resolved:
            smallest = one.rod_mm
        elif rank > 0:
            break
    return smallest


def _noticed(sectors: list[_Sector]) -> Iterable[Remark]:
    smallest = _smallest(sectors)
    if smallest == sectors[-1].rod_mm:
        yield remark(
            "all_resolved",
            en="even the smallest rods are resolved: the true limit lies below",
            zh="最小的棒也可分辨：实际分辨极限更小。",
        )


def _conditions(part: slice, volume: Volume, rotation: float, turn: int, sectors: list[_Sector]) -> Iterable[Condition]:
    millimetres = (part.stop - part.start) * volume.spacing_mm[0]
    yield Condition(
        label=Words("slices averaged", "平均层面"),
        value=Words(
            f"{part.start + 1} to {part.stop} ({millimetres:.0f} mm)",
            f"第 {part.start + 1} 至 {part.stop} 层（{millimetres:.0f} mm）",
        ),
    )
    seen = ("clockwise", "顺时针") if turn > 0 else ("counter-clockwise", "逆时针")
    degrees = math.degrees(rotation) % 360
    yield Condition(
        label=Words("orientation", "方位"),
        value=Words(
            f"largest rods at {degrees:.1f}°, the next {seen[0]} in the image",
            f"最粗的棒位于 {degrees:.1f}° 处，其余{seen[1]}排列",
        ),
    )
    yield Condition(
        label=Words("rods seen", "可见棒比例"),
        value=Words(*(2 * (", ".join(f"{one.rod_mm:g} mm: {one.seen:.0%} (z {min(one.z, 999.0):.0f})" for one in sectors),))),
    )

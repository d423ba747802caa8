"""ACR PET phantom: SUV of the background and of the hot cylinders, their ratios, cold cylinders, uniformity.

The phantom is recognised in the image at any rotation, shift and side up; no drawing of its lid is assumed. Background: the uniform
section, more than 20 mm from the wall. Hot cylinders (25, 16, 12, 8 mm): the mean over the cylinder's own disc in the 20 mm round
its middle (quintic interpolation), and the largest pixel of a slice 10 mm thick there (ACR reads slices of 1 cm). Ratio 16 : 25 of those maxima. Cold
cylinders: mean of the inner 15 mm; a CT of the study names them bone, water and air.
SUV is that of the header as for a patient; an image in other units is measured in ratios only. Cold rods, where their section is in
the field: the modulation of each sector and the smallest rods resolved, by the rule of `spect.rods`; the noise is that of the uniform
section.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from photopeak.cylinder import axes_mm, crop_round
from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Circle, Figure, Outline, Picture, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.pet.acr_recognition import COLD_MM, HOT_MM, Hot, Lid, blurred_disc, find_lid, fit_hot
from photopeak.pet.cylinder_section import inside_section, section_mean, section_noise
from photopeak.pet.cylinder_uniformity import region_means, uniformities
from photopeak.pet.noise import Noise
from photopeak.pet.regions import interpolated_disc
from photopeak.pet.uniform_cylinder import SUV_MEAN, UNIFORMITY, uniformity_of
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.rods import MODULATION, SMALLEST, RodSection, rod_section
from photopeak.suv.suv_conversion import Conversion, suv_conversion
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
Spacing = tuple[float, float, float]

CYLINDER_SUV = Quantity(name="cylinder_suv", unit="g/mL", en="SUV of a hot cylinder", zh="热圆柱 SUV")
CYLINDER_RATIO = Quantity(name="cylinder_to_background", unit="1", en="hot cylinder over background", zh="热圆柱与本底之比")
MAXIMA = Quantity(
    name="cylinder_maxima_ratio", unit="1", en="ratio of maxima, 16 mm over 25 mm", zh="16 mm 与 25 mm 热圆柱最大值之比"
)
COLD_SUV = Quantity(name="cold_cylinder_suv", unit="g/mL", en="SUV of a cold cylinder", zh="冷圆柱 SUV")
COLD_RATIO = Quantity(name="cold_cylinder_to_background", unit="1", en="cold cylinder over background", zh="冷圆柱与本底之比")

SLICE_MM = 10.0  #: thickness of the slice whose largest pixels are read
BEYOND_MM = 4.0  #: of a hot cylinder's radius: there its largest pixel is looked for
COLD_INNER_MM = 15.0
RODS_CLEAR_MM, FEWEST_RODS = 12.0, 5  #: of the neighbouring sections; slices
INTERPOLATED = 8  #: pixels beyond a disc that its interpolated mean still feels, to 1e-3
DRAWS = 64
HOUNSFIELD = {"air": (-1100.0, -500.0), "water": (-150.0, 150.0), "bone": (300.0, 3000.0)}
STATISTICS = {"mean": Words("mean", "平均值"), "max": Words("maximum", "最大值")}


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrPhantom(Result):
    """`plane[row, column]`: mean of the slices in the middle of the hot cylinders, over the background."""

    plane: Floats
    pixel_mm: tuple[float, float]
    lid: Lid
    hot: tuple[Hot, ...]
    rods: RodSection | None = None

    def figures(self) -> tuple[Figure, ...]:
        crop = crop_round(self.lid.cylinder, self.plane.shape, self.pixel_mm)
        hot = tuple(
            Circle(x_mm=one.place_mm[1], y_mm=one.place_mm[0], radius_mm=one.diameter_mm / 2, label=f"{one.diameter_mm:g}")
            for one in self.hot
        )
        cold = tuple(
            Circle(x_mm=one.column_mm, y_mm=one.row_mm, radius_mm=COLD_INNER_MM / 2, style="dashed", label=str(n))
            for n, one in enumerate(self.lid.cold, 1)
        )
        picture = Picture(
            title=Words("Hot and cold cylinders, over the background", "热、冷圆柱（相对本底）"),
            values=self.plane[crop.rows, crop.columns],
            pixel_mm=self.pixel_mm,
            left_mm=crop.left_mm,
            top_mm=crop.top_mm,
            window=(0.0, max(2.0, float(np.percentile(self.plane, 99.9)))),
            unit=Words("relative", "相对值"),
            overlays=(*hot, *cold),
        )
        marks = []
        for statistic, words in STATISTICS.items():
            found = [m for m in self.measurements if m.quantity is CYLINDER_RATIO and m.where["statistic"] == statistic]
            x = tuple(float(m.where["cylinder_mm"]) for m in found)
            marks.append(Points(x=x, measurements=tuple(found), label=words))
        chart = Chart(
            title=CYLINDER_RATIO.words,
            x=Axis(label=Words("cylinder diameter", "热圆柱内径"), unit="mm", ticks=tuple(reversed(HOT_MM))),
            y=Axis(label=Words("over background", "与本底之比"), low=0.0),
            marks=tuple(marks),
        )
        return (picture, chart) if self.rods is None else (picture, chart, *self._rods(self.rods))

    def _rods(self, section: RodSection) -> tuple[Figure, ...]:
        crop = crop_round(self.lid.cylinder, section.slab.shape, self.pixel_mm)
        found = tuple(m for m in self.measurements if m.quantity is MODULATION)
        picture = Picture(
            title=Words("Cold rods, over the background", "冷棒区（相对本底）"),
            values=section.slab[crop.rows, crop.columns] / self.lid.level,
            pixel_mm=self.pixel_mm,
            left_mm=crop.left_mm,
            top_mm=crop.top_mm,
            window=(0.0, 1.2),
            unit=Words("relative", "相对值"),
            overlays=tuple(
                Outline(mask=one.wedge[crop.rows, crop.columns], label=f"{one.rod_mm:g}") for one in section.sectors
            ),
            group="rods",
        )
        x = tuple(float(m.where["rod_mm"]) for m in found)
        chart = Chart(
            title=MODULATION.words,
            x=Axis(label=Words("rod diameter", "棒直径"), unit="mm", ticks=tuple(sorted(x))),
            y=Axis(label=MODULATION.words, low=0.0),
            marks=(Points(x=x, measurements=found),),
            group="rods",
        )
        return (picture, chart)


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume) or evidence.images.values.ndim != 3:
        return Words("a stack of PET slices is needed", "需要一组 PET 断层图像")
    found = find_lid(evidence.images)
    return found if isinstance(found, Words) else None


@procedure(
    en="ACR PET phantom",
    zh="ACR PET 模体",
    implements="ACR PET phantom (Jaszczak base, lid with hot and cold cylinders); uniformity as AAPM TG-126, NEMA NU 2-1994, EANM 2023",
    kinds=("pt_volume",),
    quantities=(SUV_MEAN, CYLINDER_SUV, CYLINDER_RATIO, MAXIMA, COLD_SUV, COLD_RATIO, UNIFORMITY, MODULATION, SMALLEST),
    accepts=accepts,
)
def acr_phantom(evidence: Evidence) -> AcrPhantom:
    """Background, hot and cold cylinders, and uniformity. Refused: an image in which the phantom's lid is not recognised."""
    volume = evidence.images
    found = find_lid(volume) if isinstance(volume, Volume) and volume.values.ndim == 3 else Words("no volume", "无图像")
    if isinstance(found, Words) or not isinstance(volume, Volume):
        why = found if isinstance(found, Words) else Words("no volume", "无图像")
        raise Refused(
            "not_acr_phantom",
            en=f"{evidence.name}: {why.en}; the test needs the whole ACR PET phantom, filled, with its lid in the field. Is this the "
            "right series?",
            zh=f"{evidence.name}：{why.zh}；本检测需要已充液的完整 ACR PET 模体，且盖板位于视野内，请确认所选序列是否正确。",
        )
    hot, sigma_mm = fit_hot(volume, found)
    inside = inside_section(volume, found.cylinder)
    noise = section_noise(volume, found.uniform, inside)
    mean, mean_u = section_mean(volume, found.uniform, inside, noise)
    reading = _Reading(volume, replace(found, level=mean), sigma_mm, noise, mean_u / mean)
    conversion, notes = _conversion(evidence, volume)
    means = region_means(volume, found.cylinder, found.uniform, noise, inside.astype(np.float64))
    names = _names(evidence, volume, found)
    section = _rod_section(volume, found)
    return AcrPhantom(
        measurements=(
            *_background(conversion, found, mean, mean_u),
            *_hot(reading, hot, conversion),
            *_cold(reading, names, conversion),
            *(uniformity_of(one) for one in uniformities(means)),
            *(() if section is None else _rods(section[0], section[1], noise)),
        ),
        remarks=(*notes, *_noticed(hot, found)),
        conditions=tuple(_conditions(volume, found, sigma_mm)),
        plane=found.plane,
        pixel_mm=volume.spacing_mm[1:],
        lid=found,
        hot=hot,
        rods=None if section is None else section[0],
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the cylinders are read with: values over the background, the blur, the noise, and the background's relative u."""

    volume: Volume
    lid: Lid
    sigma_mm: float
    noise: Noise | None
    level_u: float

    def near(self, place_mm: tuple[float, float], reach_mm: float) -> tuple[tuple[slice, slice], Floats]:
        """The box of pixels within `reach_mm` of a place, and the distance of each of its pixels in each slice of the lid."""
        _, y_mm, x_mm = axes_mm(self.volume)
        rows, columns = (np.flatnonzero(np.abs(axis - at) <= reach_mm) for axis, at in zip((y_mm, x_mm), place_mm))
        box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        z_mm, _, _ = axes_mm(self.volume)
        away = []
        for z in z_mm[self.lid.slices]:
            row, column = self.lid.at(place_mm, float(z))
            away.append(np.hypot(y_mm[box[0]][:, None] - row, x_mm[box[1]][None, :] - column))
        return box, np.stack(away)

    def mean(self, place_mm: tuple[float, float], diameter_mm: float, own_mm: float, height: float) -> tuple[float, float]:
        """Mean over a disc of `diameter_mm` in every slice of the lid, over the background; `own_mm` and `height`: the insert."""
        z_mm, y_mm, x_mm = axes_mm(self.volume)
        box, away = self.near(place_mm, diameter_mm / 2 + INTERPOLATED * max(self.volume.spacing_mm[1:]))
        weights = np.zeros(away.shape)
        _, down_mm, across_mm = self.volume.spacing_mm
        for k, z in enumerate(z_mm[self.lid.slices]):
            row, column = self.lid.at(place_mm, float(z))
            corner = row - float(y_mm[box[0]][0]), column - float(x_mm[box[1]][0])
            region = interpolated_disc((away.shape[1], away.shape[2]), (down_mm, across_mm), corner, diameter_mm)
            weights[k][region.box] = region.weights / len(weights)
        part = self.volume.values[self.lid.slices][:, box[0], box[1]].astype(np.float64) / self.lid.level
        value = float((weights * part).sum())
        if self.noise is None:
            return value, 0.0
        expected = np.maximum(1 + height * blurred_disc(away, own_mm / 2, self.sigma_mm), 0.0)
        if height < 0 < value:  # what little is in a cold cylinder depends on the blur far out, which the fit knows badly
            expected *= value / max(float((weights * expected).sum()), 1e-12)
        return value, math.hypot(math.sqrt(self.noise.variance(weights, expected)), value * self.level_u)

    def extreme(self, place_mm: tuple[float, float], reach_mm: float, own_mm: float, height: float) -> tuple[float, float]:
        """Largest pixel of the slice of 10 mm, over the background, and its scatter over noisy copies."""
        box, away = self.near(place_mm, reach_mm + 2.0)
        z_mm, _, _ = axes_mm(self.volume)
        z = z_mm[self.lid.slices]
        thick = np.abs(z - self.lid.middle_mm) <= max(SLICE_MM / 2, float(np.abs(z - self.lid.middle_mm).min()) + 1e-9)
        part = self.volume.values[self.lid.slices][thick][:, box[0], box[1]].mean(axis=0, dtype=np.float64) / self.lid.level
        inside = away[thick].mean(axis=0) <= reach_mm
        value = float(part[inside].max())
        if self.noise is None or self.noise.relative == 0:
            return value, value * self.level_u
        rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(part).tobytes()))
        expected = np.maximum(1 + height * blurred_disc(away[thick], own_mm / 2, self.sigma_mm), 0.0)
        fields = self.noise.draws(expected.shape, DRAWS, rng) * self.noise.relative
        copies = (expected * (1 + fields)).mean(axis=1)
        found = np.array([float(copy[inside].max()) for copy in copies])
        return value, math.hypot(float(found.std(ddof=1)), value * self.level_u)


def _background(conversion: Conversion | None, lid: Lid, mean: float, mean_u: float) -> Iterator[Measurement]:
    if conversion is not None:
        factor = _factor(conversion, lid.uniform)
        yield SUV_MEAN.of(mean * factor, mean_u * factor, phantom="acr_pet")


def _factor(conversion: Conversion, part: slice) -> float:
    factors = np.array(conversion.factors)
    return float(factors[part].mean()) if factors.size > 1 else float(factors[0])


def _hot(reading: _Reading, hot: Iterable[Hot], conversion: Conversion | None) -> Iterator[Measurement]:
    top: dict[float, tuple[float, float]] = {}
    for one in hot:
        size = one.diameter_mm
        mean = reading.mean(one.place_mm, size, size, one.height)
        top[size] = reading.extreme(one.place_mm, size / 2 + BEYOND_MM, size, one.height)
        for statistic, (value, u) in (("mean", mean), ("max", top[size])):
            yield CYLINDER_RATIO.of(value, u, cylinder_mm=size, statistic=statistic)
            if conversion is not None:
                factor = reading.lid.level * _factor(conversion, reading.lid.slices)
                own = math.sqrt(max(u**2 - (value * reading.level_u) ** 2, 0.0))
                yield CYLINDER_SUV.of(value * factor, own * factor, cylinder_mm=size, statistic=statistic)
    (large, large_u), (small, small_u) = top[HOT_MM[0]], top[HOT_MM[1]]
    shared = reading.level_u
    own_parts = [max((u / value) ** 2 - shared**2, 0.0) for value, u in ((large, large_u), (small, small_u))]
    yield MAXIMA.of(small / large, small / large * math.sqrt(sum(own_parts)))


def _cold(reading: _Reading, names: Iterable[str], conversion: Conversion | None) -> Iterator[Measurement]:
    for spot, name in zip(reading.lid.cold, names):
        place = spot.row_mm, spot.column_mm
        value, u = reading.mean(place, COLD_INNER_MM, COLD_MM, -1.0)
        yield COLD_RATIO.of(value, u, insert=name)
        if conversion is not None:
            factor = reading.lid.level * _factor(conversion, reading.lid.slices)
            yield COLD_SUV.of(value * factor, u * factor, insert=name)


def _rod_section(volume: Volume, lid: Lid) -> tuple[RodSection, int] | None:
    """The section on the other side of the uniform one, and its number of slices; None where it is not in the field."""
    clear = math.ceil(RODS_CLEAR_MM / volume.spacing_mm[0])
    below, above = slice(lid.cylinder.first, lid.uniform.start), slice(lid.uniform.stop, lid.cylinder.last + 1)
    part = above if lid.slices.start < lid.uniform.start else below
    part = slice(part.start + clear, part.stop - clear)
    if part.stop - part.start < FEWEST_RODS:
        return None
    section = rod_section(volume, lid.cylinder, part)
    return (section, part.stop - part.start) if any(one.resolved for one in section.sectors[:2]) else None


def _rods(section: RodSection, count: int, noise: Noise | None) -> Iterator[Measurement]:
    for one in section.measurements():
        sector = next((other for other in section.sectors if other.measurement is one), None)
        if sector is None or noise is None:
            yield one
            continue
        rows, columns = (np.flatnonzero(sector.wedge.any(axis=axis)) for axis in (1, 0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        weights = (sector.pull * section.slab)[box]  # the same in every slice
        reach = min(noise.correlation.shape[0] // 2, count - 1)
        shared = sum((count - abs(k)) / count**2 * noise.plane_covariance(weights, k) for k in range(-reach, reach + 1))
        yield MODULATION.of(one.value, noise.relative * math.sqrt(max(shared, 0.0)), rod_mm=sector.rod_mm)


def _conversion(evidence: Evidence, volume: Volume) -> tuple[Conversion | None, tuple[Remark, ...]]:
    """SUV as of a patient: the weight and the activity that the header (or the facts) give."""
    try:
        found = suv_conversion(
            evidence.header,
            volume.units,
            slices=len(volume.values),
            facts=evidence.facts,
            vendor=evidence.about.manufacturer or "",
        )
    except Refused as refused:
        note = remark(
            "not_quantitative",
            en=f"The cylinders were measured as ratios to the background; there is no SUV. {refused.words.en}",
            zh=f"各圆柱以与本底之比给出，无 SUV。{refused.words.zh}",
        )
        return None, (note,)
    return found, found.remarks


def _names(evidence: Evidence, volume: Volume, lid: Lid) -> tuple[str, ...]:
    """bone, water, air by the CT number at each cold cylinder; without a CT, or where it does not tell them apart, numbered."""
    numbered = tuple(f"cold_{n}" for n in range(1, len(lid.cold) + 1))
    companion = evidence.facts.get("companion")
    if not isinstance(companion, Evidence) or not isinstance(companion.images, Volume):
        return numbered
    named = []
    for one in lid.cold:
        value = _ct_number(companion.images, _in_patient(volume, (lid.middle_mm, one.row_mm, one.column_mm)))
        named += [name for name, (low, high) in HOUNSFIELD.items() if value is not None and low <= value <= high]
    return tuple(named) if len(named) == len(set(named)) == len(lid.cold) else numbered


def _in_patient(volume: Volume, place_mm: tuple[float, float, float]) -> Floats:
    """Patient coordinates of a place (slice, row, column) in mm from the volume's middle."""
    from_first = [at + (n - 1) / 2 * step for at, n, step in zip(place_mm, volume.values.shape, volume.spacing_mm)]
    return np.asarray(np.asarray(volume.origin_mm) + np.asarray(from_first) @ np.asarray(volume.directions), dtype=np.float64)


def _ct_number(computed: Volume, at_mm: Floats) -> float | None:
    """Mean of the CT within 5 mm of a patient position; None outside of it."""
    index = np.asarray(computed.directions) @ (at_mm - np.asarray(computed.origin_mm)) / np.asarray(computed.spacing_mm)
    half = [max(1, int(5.0 / step)) for step in computed.spacing_mm]
    low, high = np.rint(index).astype(int) - half, np.rint(index).astype(int) + half + 1
    if (low < 0).any() or (high > np.array(computed.values.shape)).any():
        return None
    return float(computed.values[tuple(slice(a, b) for a, b in zip(low, high))].mean(dtype=np.float64))


def _noticed(hot: tuple[Hot, ...], lid: Lid) -> Iterator[Remark]:
    if len(hot) < len(HOT_MM):
        yield remark(
            "smallest_cylinder_not_seen",
            en="The 8 mm hot cylinder does not stand out of the noise: it is not measured.",
            zh="8 mm 热圆柱未高于噪声，未予测量。",
        )
    if len(lid.cold) < 3:
        yield remark(
            "cold_cylinder_not_seen",
            en=f"{len(lid.cold)} cold cylinders were found, the phantom has three. Was one filled with activity?",
            zh=f"仅识别到 {len(lid.cold)} 个冷圆柱，该模体应有 3 个。是否有一个误充了活度？",
        )


def _conditions(volume: Volume, lid: Lid, sigma_mm: float) -> Iterable[Condition]:
    count = len(volume.values)
    rows = {
        Words("uniform slices", "均匀层面"): f"{lid.uniform.start + 1}–{lid.uniform.stop} / {count}",
        Words("slices through the cylinders", "圆柱层面"): f"{lid.slices.start + 1}–{lid.slices.stop} / {count}",
        Words("length of the hot cylinders", "热圆柱长度"): f"{lid.length_mm:.0f} mm",
        Words("ring of the cylinders, radius", "圆柱所在圆周半径"): f"{lid.ring_mm:.1f} mm",
        Words("blur of the hot cylinders (FWHM)", "热圆柱模糊（半高宽）"): f"{sigma_mm * math.sqrt(8 * math.log(2)):.1f} mm",
    }
    for label, value in rows.items():
        yield Condition(label=label, value=Words(value, value))

"""Calibration and uniformity of a PET scanner from a uniform cylinder of known activity.

Concentration: mean of the voxels more than 20 mm from the wall and clear of the ends. Calibration bias: measured over expected
concentration, less one. Expected is the administered activity, decayed to the moment that the image is corrected to, over the
volume filled: from the facts activity_mbq, assayed_at (residual_mbq) and volume_ml, or else from the header, whose weight then
stands for the volume. Uniformity by `method`: five_regions; tg126_slice and tg126_axial (AAPM TG-126, 30 mm regions 10 mm from
the wall); nema1994 (10 mm squares within 175 mm); eanm2023 (slice means). Noise only enlarges these: the uncertainty is the scatter
about their mean at that noise, and what noise adds is taken off in the companion value that a fail needs. Images in other units than Bq/mL are measured in relative
terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cylinder import Cylinder, axes_mm, crop_round
from photopeak.evidence import Evidence, Volume
from photopeak.figure import Axis, Chart, Circle, Figure, Line, Picture
from photopeak.measurement import Measurement, Quantity
from photopeak.pet.cylinder_section import FROM_WALL_MM, inside_section, locate_cylinder, section_mean, section_noise
from photopeak.pet.cylinder_uniformity import DISC_MM, RegionMeans, Uniformity, region_means, uniformities
from photopeak.pet.noise import Noise
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.suv.suv_conversion import Conversion, suv_conversion
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

BIAS = Quantity(name="calibration_bias", unit="%", en="calibration bias", zh="校准偏差")
SUV_MEAN = Quantity(name="suv_mean", unit="g/mL", en="mean SUV", zh="平均 SUV")
CONCENTRATION = Quantity(name="cylinder_concentration", unit="Bq/mL", en="activity concentration", zh="活度浓度", judged=False)
UNIFORMITY = Quantity(name="uniformity", unit="%", en="non-uniformity", zh="不均匀性")
VARIATION = Quantity(name="coefficient_of_variation", unit="%", en="coefficient of variation", zh="变异系数")


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformCylinder(Result):
    """`slab[row, column]`: mean of the slices measured; `slice_mm`, `slice_percent`: each slice's mean from that of all."""

    slab: Floats
    pixel_mm: tuple[float, float]
    cylinder: Cylinder
    slice_mm: Floats
    slice_percent: Floats

    def figures(self) -> tuple[Figure, ...]:
        crop = crop_round(self.cylinder, self.slab.shape, self.pixel_mm)
        x, y = self.cylinder.axis_at(0.0)
        radius = self.cylinder.radius_mm
        across = radius - DISC_MM / 2 - 10.0
        discs = tuple(
            Circle(x_mm=x + right, y_mm=y + down, radius_mm=DISC_MM / 2)
            for down, right in ((0.0, 0.0), (-across, 0.0), (0.0, across), (across, 0.0), (0.0, -across))
        )
        level = self.cylinder.level
        picture = Picture(
            title=Words("Mean of the uniform slices, over the mean", "均匀层平均图像（相对均值）"),
            values=self.slab[crop.rows, crop.columns] / level,
            pixel_mm=self.pixel_mm,
            left_mm=crop.left_mm,
            top_mm=crop.top_mm,
            window=(0.8, 1.2),
            unit=Words("relative", "相对值"),
            overlays=(Circle(x_mm=x, y_mm=y, radius_mm=radius - FROM_WALL_MM, style="dashed"), *discs),
        )
        profile = Chart(
            title=Words("Axial profile", "轴向剖面"),
            x=Axis(label=Words("along the axis", "轴向位置"), unit="mm"),
            y=Axis(label=Words("slice mean from the mean of all", "层均值与总均值之差"), unit="%"),
            marks=(Line(x=self.slice_mm, y=self.slice_percent),),
        )
        return (picture, profile)


def accepts(evidence: Evidence) -> Words | None:
    if not isinstance(evidence.images, Volume) or evidence.images.values.ndim != 3:
        return Words("a stack of PET slices is needed", "需要一组 PET 断层图像")
    found = locate_cylinder(evidence.images)
    if isinstance(found, Words):
        return found
    cylinder, part = found
    covered = (part.stop - part.start) / (cylinder.last - cylinder.first + 1)
    return None if covered > 0.5 else Words("the cylinder has inserts", "圆柱内有插件")


@procedure(
    en="PET uniform cylinder",
    zh="PET 均匀圆柱模体",
    implements="EARL calibration; AAPM TG-126; NEMA NU 2-1994; EANM 2023",
    kinds=("pt_volume",),
    quantities=(BIAS, SUV_MEAN, CONCENTRATION, UNIFORMITY, VARIATION),
    accepts=accepts,
)
def uniform_cylinder(
    evidence: Evidence,
    *,
    activity_uncertainty_percent: Annotated[
        float, Words("standard uncertainty of activity over volume, %", "活度与体积之比的标准不确定度，%")
    ] = 0.0,
) -> UniformCylinder:
    """Concentration, calibration bias, SUV and uniformity of the cylinder's uniform slices."""
    volume = evidence.images
    found = locate_cylinder(volume) if isinstance(volume, Volume) else Words("no volume", "无图像")
    if isinstance(found, Words) or not isinstance(volume, Volume):
        why = found if isinstance(found, Words) else Words("no volume", "无图像")
        raise Refused(
            "not_a_cylinder",
            en=f"{evidence.name}: {why.en}; the test needs the slices of a uniform cylinder. Is this the right series?",
            zh=f"{evidence.name}：{why.zh}；本检测需要均匀圆柱模体的断层图像，请确认所选序列是否正确。",
        )
    cylinder, part = found
    inside = inside_section(volume, cylinder)
    noise = section_noise(volume, part, inside)
    mean, mean_u = section_mean(volume, part, inside, noise)
    means = region_means(volume, cylinder, part, noise, inside.astype(np.float64))
    conversion, notes = _conversion(evidence, volume)
    slab = volume.values[part].mean(axis=0, dtype=np.float64)
    z_mm = axes_mm(volume)[0][part]
    return UniformCylinder(
        measurements=tuple(
            _measurements(volume, part, inside, (mean, mean_u), means, noise, conversion, activity_uncertainty_percent)
        ),
        remarks=tuple(notes),
        conditions=tuple(_conditions(volume, cylinder, part, conversion, evidence)),
        slab=slab,
        pixel_mm=volume.spacing_mm[1:],
        cylinder=replace(cylinder, level=mean),
        slice_mm=z_mm,
        slice_percent=100 * (means.slices - 1),
    )


def _conversion(evidence: Evidence, volume: Volume) -> tuple[Conversion | None, list[Remark]]:
    """SUV of the phantom (its volume is its weight), or why there is none."""
    facts = dict(evidence.facts)
    if "volume_ml" in facts:
        facts["weight_kg"] = facts["volume_ml"] / 1000
    try:
        found = suv_conversion(
            evidence.header,
            volume.units,
            slices=len(volume.values),
            facts=facts,
            vendor=evidence.about.manufacturer or "",
        )
    except Refused as refused:
        note = remark(
            "not_quantitative",
            en=f"Uniformity was measured in relative terms; there is no calibration bias and no SUV. {refused.words.en}",
            zh=f"均匀性以相对值给出，无校准偏差和 SUV。{refused.words.zh}",
        )
        return None, [note]
    notes = list(found.remarks)
    if "volume_ml" not in facts and found.path in ("bqml", "philips_activity"):
        notes.append(
            remark(
                "volume_from_weight",
                en=f"The volume was taken from the weight in the header, {1000 * (found.weight_kg or 0):.0f} mL. State volume_ml "
                "(and activity_mbq, assayed_at) in the facts.",
                zh=f"体积取自文件头体重，为 {1000 * (found.weight_kg or 0):.0f} mL。"
                "请在补充信息中给出 volume_ml（及 activity_mbq、assayed_at）。",
            )
        )
    return found, notes


def _measurements(
    volume: Volume,
    part: slice,
    inside: npt.NDArray[np.bool_],
    mean: tuple[float, float],
    means: RegionMeans,
    noise: Noise | None,
    conversion: Conversion | None,
    u_percent: float,
) -> Iterator[Measurement]:
    level, level_u = mean
    if conversion is not None:
        factors = np.array(conversion.factors)
        factor = float(factors[part].mean()) if factors.size > 1 else float(factors[0])
        suv = level * factor
        u = suv * math.hypot(level_u / level, u_percent / 100)
        yield BIAS.of(100 * (suv - 1), 100 * u)
        yield SUV_MEAN.of(suv, u, phantom="uniform_cylinder")
    if volume.units == "BQML":
        yield CONCENTRATION.of(level, level_u)
    for one in uniformities(means):
        yield uniformity_of(one)
    yield from _variations(volume, part, inside, level, means, noise)


def uniformity_of(one: Uniformity) -> Measurement:
    companion = UNIFORMITY.of(max(one.value - one.noise_part, 0.0), one.spread, method=one.method)
    return UNIFORMITY.of(one.value, one.spread, noise_corrected=companion, method=one.method)


def _variations(
    volume: Volume, part: slice, inside: npt.NDArray[np.bool_], level: float, means: RegionMeans, noise: Noise | None
) -> Iterator[Measurement]:
    """Voxels of all slices (eanm2023) and squares of all slices (nema1994), standard deviation over mean."""
    voxels = volume.values[part][:, inside]
    share = float(voxels.std(dtype=np.float64)) / level
    independent = None
    if noise is not None and noise.relative > 0:
        effective = voxels.size / max(float((noise.correlation**2).sum()), 1.0)
        independent = math.sqrt(1 / (2 * max(effective - 1, 1)))
    yield VARIATION.of(100 * share, None if independent is None else 100 * share * independent, method="eanm2023")
    squares = float(means.squares.std(ddof=1) / means.squares.mean())
    coupled = 1.0 if noise is None else _coupling(noise, means.squares_u, volume.spacing_mm)
    yield VARIATION.of(100 * squares, 100 * squares * math.sqrt(coupled / (2 * (means.squares.size - 1))), method="nema1994")


def _coupling(noise: Noise, squares_u: float, spacing_mm: tuple[float, float, float]) -> float:
    """How many squares of neighbouring slices and places count as one, from the correlation of the noise."""
    if squares_u == 0:
        return 1.0
    rows, columns = (max(1, round(10.0 / mm)) for mm in spacing_mm[1:])
    square = np.full((rows, columns), 1 / (rows * columns))
    half = noise.correlation.shape[0] // 2
    own = noise.plane_covariance(square, 0)
    along = sum((noise.plane_covariance(square, k) / own) ** 2 for k in range(-half, half + 1))
    beside = np.zeros((rows, 2 * columns))
    beside[:, :columns] = beside[:, columns:] = 1 / (2 * rows * columns)
    pair = 2 * noise.plane_covariance(beside, 0) / own - 1
    return float(along * (1 + 4 * pair**2))


def _conditions(
    volume: Volume, cylinder: Cylinder, part: slice, conversion: Conversion | None, evidence: Evidence
) -> Iterable[Condition]:
    text = f"{cylinder.radius_mm:.1f} mm"
    yield Condition(label=Words("radius found", "识别的半径"), value=Words(text, text))
    text = f"{part.start + 1}–{part.stop} / {len(volume.values)}"
    yield Condition(label=Words("slices measured", "测量层面"), value=Words(text, text))
    if conversion is not None and conversion.activity_bq is not None:
        text = f"{conversion.activity_bq / 1e6:.4g} MBq, {1000 * (conversion.weight_kg or 0):.0f} mL"
        told = "activity_mbq" in evidence.facts
        yield Condition(
            label=Words("activity and volume", "活度与体积"),
            value=Words(f"{text} ({'facts' if told else 'header'})", f"{text}（{'补充信息' if told else '文件头'}）"),
        )
    if conversion is not None and conversion.injected is not None:
        text = f"{conversion.injected:%Y-%m-%d %H:%M:%S}"
        yield Condition(label=Words("activity assayed at", "活度测定时刻"), value=Words(text, text))

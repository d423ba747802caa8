"""Image quality of a PET scanner from the IEC body phantom (NEMA NU 2-2018, image quality; EARL recovery coefficients).

Percent contrast Q = (C_H/C_B − 1)/(a_H/a_B − 1); background variability N = SD of sixty background means / C_B; lung
residual = C_lung/C_B. `method=nema` reads the slice nearest to the spheres and counts pixels by their covered part;
`method=plane` interpolates in three dimensions (quintic B-spline) in the plane through each sphere's own centre. Recovery =
measured over true concentration.

Against truth (6 mm blur, 4 to 1, any place within the voxel) `plane` is within 0.1 % for 22 mm and more and within 0.5 % for 10 mm.
`nema` reads a 10 mm sphere low by 2 % on average at 2 mm voxels (6 % at worst) and by 5 % at 4 mm (9 %); a 37 mm sphere by 0.3 to
1 % (1.3 %): the slice is not the sphere's plane.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence, Volume
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.pet.background_regions import BackgroundPlacement, place_background
from photopeak.pet.background_statistics import Background, background_noise, measure_background
from photopeak.pet.iec_body_fit import RingFit
from photopeak.pet.iec_body_pose import SPHERES_MM, blurred_sphere
from photopeak.pet.iec_body_recognition import REACH_MM, locate
from photopeak.pet.image_quality_figures import draw
from photopeak.pet.image_quality_words import Noticed, conditions, remarks
from photopeak.pet.published_figures import published
from photopeak.pet.sphere_discs import LungInsert, lung_insert, nema_disc, plane_disc, rotation_u_deg
from photopeak.pet.sphere_statistics import SphereStatistics, sphere_statistics
from photopeak.pet.true_activity import TrueActivity, true_activity
from photopeak.procedure import Refused, Result, procedure
from photopeak.words import Words

CONTRAST = Quantity(name="percent_contrast", unit="%", en="percent contrast", zh="百分对比度")
UNJUDGED_CONTRAST = Quantity(name="percent_contrast", unit="%", en="percent contrast", zh="百分对比度", judged=False)
RATIO = Quantity(
    name="contrast_ratio", unit="1", en="sphere mean over background mean", zh="热球均值与本底均值之比", judged=False
)
VARIABILITY = Quantity(name="background_variability", unit="%", en="background variability", zh="本底变异")
LUNG = Quantity(name="lung_residual", unit="%", en="lung residual", zh="肺插件残余误差")
CONCENTRATION = Quantity(
    name="sphere_concentration", unit="Bq/mL", en="sphere activity concentration", zh="热球活度浓度", judged=False
)
RECOVERY = Quantity(name="recovery", unit="1", en="recovery coefficient", zh="恢复系数")
VARIATION = Quantity(name="coefficient_of_variation", unit="%", en="coefficient of variation", zh="变异系数")
BACKGROUND = Quantity(
    name="background_concentration", unit="Bq/mL", en="background activity concentration", zh="本底活度浓度", judged=False
)
BACKGROUND_RECOVERY = Quantity(
    name="background_recovery", unit="1", en="measured over true background", zh="本底测得值与真值之比", judged=False
)
ROTATION = Quantity(
    name="phantom_rotation", unit="deg", en="direction of the 37 mm sphere", zh="37 mm 球所在方向", judged=False
)
TILT = Quantity(name="phantom_tilt", unit="deg", en="tilt of the ring of spheres", zh="球环平面倾角", judged=False)
RING_CENTRE = Quantity(
    name="ring_centre",
    unit="mm",
    en="centre of the ring, from the first voxel",
    zh="球环中心位置（自首个体素起）",
    judged=False,
)
RING_RESIDUAL = Quantity(
    name="ring_residual",
    unit="mm",
    en="spheres off the ideal ring (root mean square)",
    zh="各球偏离理想圆环（均方根）",
    judged=False,
)
MARGIN = Quantity(
    name="background_margin", unit="mm", en="margin of the background regions", zh="本底感兴趣区边距", judged=False
)

QUANTITIES = (
    CONTRAST,
    RATIO,
    VARIABILITY,
    LUNG,
    CONCENTRATION,
    RECOVERY,
    VARIATION,
    BACKGROUND,
    BACKGROUND_RECOVERY,
    ROTATION,
    TILT,
    RING_CENTRE,
    RING_RESIDUAL,
    MARGIN,
)
SMALLEST_FIRST = tuple(range(5, -1, -1))
OFF_SLICE_MM = 1.0  #: a sphere farther from the slice than this is not measured by that slice
INSERT_MISSING_PERCENT = 80.0
TOP_PLATEAU_VOXELS = 10

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuality(Result):
    """Measurements, and what the figures need: the sphere slice, the fitted ring, the twelve background regions.

    `slice_values[row, column]` is slice number `slice_index`; positions in `fit` and `placement` are mm from voxel (0, 0, 0).
    """

    slice_values: npt.NDArray[np.float32]
    slice_index: int
    spacing_mm: tuple[float, float, float]
    fit: RingFit
    placement: BackgroundPlacement
    background: float
    in_bq_per_ml: bool
    lung: LungInsert

    def figures(self) -> tuple[Figure, ...]:
        """The sphere slice with its regions; recovery (or contrast) and background variability against the sphere's
        diameter."""
        return draw(
            self.measurements,
            self.slice_values,
            self.spacing_mm,
            self.fit,
            self.placement,
            self.background,
            in_bq_per_ml=self.in_bq_per_ml,
        )


def is_volume(evidence: Evidence) -> Words | None:
    """Whether there is a stack of PET slices at all; what it shows is the procedure's own question."""
    if isinstance(evidence.images, Volume) and evidence.images.values.ndim == 3:
        return None
    return Words("a stack of PET slices is needed", "需要一组 PET 断层图像")


@procedure(
    en="PET image quality (IEC body phantom)",
    zh="PET 图像质量（IEC 体部模体）",
    implements="NEMA NU 2-2018, image quality; EARL recovery coefficients",
    kinds=("pt_volume",),
    quantities=QUANTITIES,
    accepts=is_volume,
)
def image_quality(
    evidence: Evidence,
    *,
    ratio_uncertainty_percent: Annotated[
        float, Words("standard uncertainty of the filled ratio, %", "充入活度浓度比的标准不确定度，%")
    ] = 0.0,
    activity_uncertainty_percent: Annotated[
        float, Words("standard uncertainty of the filled concentrations, %", "充入活度浓度的标准不确定度，%")
    ] = 0.0,
) -> ImageQuality:
    """Find the phantom in any pose and measure it. Truth comes from the facts sphere_to_background, sphere_bq_per_ml,
    background_bq_per_ml at the time the images are decay-corrected to. Refused: other units, other objects, cut off, clipped.
    """
    volume = _usable(evidence)
    values, spacing = volume.values, volume.spacing_mm
    located = locate(values, spacing)
    fit = located.fit
    centre = np.array(fit.pose.centre_mm)
    noise = background_noise(values, spacing, located.depth_mm, fit.spheres_mm, centre)
    insert = float(centre[1]), float(centre[2])
    pose = fit.pose
    placement = place_background(located.depth_mm, spacing[1:], fit.spheres_mm[:, 1:], insert, pose.angle_deg, pose.hand)
    if placement is None:
        raise _no_room()
    background = measure_background(values, spacing, placement, float(centre[0]), noise)
    _refuse_clipped(values, spacing, fit, background)
    index = background.slices[len(background.slices) // 2]
    discs = _discs(values, spacing, fit, index, background)
    seed = zlib.crc32(evidence.sha256.encode())
    statistics = sphere_statistics(values, spacing, fit, background.concentration, noise, seed)
    lung = lung_insert(values, spacing, fit, REACH_MM, noise)
    truth = true_activity(evidence.facts, background.concentration, volume.units)
    noticed = _noticed(fit, spacing, index, discs, background, lung, placement, truth)
    seen = _Seen(fit, spacing, background, discs, statistics, lung, placement, truth, noticed)
    u_percent = ratio_uncertainty_percent, activity_uncertainty_percent
    return ImageQuality(
        measurements=tuple(_measurements(seen, rotation_u_deg(fit, spacing, noise), *u_percent)),
        remarks=remarks(noticed, truth),
        conditions=(
            *conditions(fit, spacing, background, placement, lung, truth),
            *published(evidence.about.model, PUBLISHED),
        ),
        slice_values=values[index].copy(),
        slice_index=index,
        spacing_mm=spacing,
        fit=fit,
        placement=placement,
        background=background.concentration,
        in_bq_per_ml=truth.in_bq_per_ml,
        lung=lung,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """All that was found, on its way to measurements. `discs[method, sphere_mm]` are (mean, u)."""

    fit: RingFit
    spacing: tuple[float, float, float]
    background: Background
    discs: dict[tuple[str, int], Pair]
    statistics: dict[int, SphereStatistics]
    lung: LungInsert
    placement: BackgroundPlacement
    truth: TrueActivity
    noticed: Noticed


PUBLISHED = {
    "percent_contrast": Words("contrast of 10, 13, 17, 22, 28, 37 mm, %", "10、13、17、22、28、37 mm 球对比度，%"),
    "background_variability": Words("background variability, same order, %", "本底变异（同上次序），%"),
    "lung_residual_pct": Words("lung residual, %", "肺插件残余误差，%"),
}


def _usable(evidence: Evidence) -> Volume:
    volume = evidence.images
    if not isinstance(volume, Volume) or volume.values.ndim != 3:
        raise Refused(
            "not_a_volume",
            en=f"{evidence.name} holds no stack of PET slices. Give the folder of the reconstructed series.",
            zh=f"{evidence.name} 中没有 PET 断层图像序列。请提供重建后的整个序列。",
        )
    _check_units(volume.units)
    slices, step = volume.values.shape[0], volume.spacing_mm[0]
    if slices < 5 or slices * step < 2 * REACH_MM:
        raise Refused(
            "too_few_slices",
            en=f"{evidence.name}: {slices} slices cover {slices * step:.0f} mm along the axis; the spheres with their "
            f"background need {2 * REACH_MM:.0f} mm. Give the whole series.",
            zh=f"{evidence.name}：{slices} 层，轴向仅 {slices * step:.0f} mm，热球及本底测量需 {2 * REACH_MM:.0f} mm。"
            "请提供完整序列。",
        )
    highest = float(volume.values.max())
    if not np.isfinite(highest) or not np.isfinite(float(volume.values.min())):
        raise Refused(
            "not_finite",
            en=f"{evidence.name} contains values that are not numbers. Export the series again from the scanner.",
            zh=f"{evidence.name} 含有非数值像素。请从设备重新导出该序列。",
        )
    if highest <= 0:
        raise Refused(
            "empty",
            en=f"{evidence.name}: every voxel is zero or less; a phantom with activity is needed. Is this the right series?",
            zh=f"{evidence.name}：所有体素均不大于零，需要有活度的模体图像。请确认所选序列是否正确。",
        )
    return volume


def _check_units(units: str | None) -> None:
    if units not in (None, "", "BQML", "GML"):
        raise Refused(
            "units_not_quantitative",
            en=f"The image is in {units}, not in becquerels per millilitre; neither concentrations nor recovery can be read "
            "from it. Reconstruct or export the series in Bq/mL (Units BQML).",
            zh=f"图像单位为 {units}，不是 Bq/mL，无法得出活度浓度和恢复系数。请以 Bq/mL（Units 为 BQML）重建或导出该序列。",
        )


def _no_room() -> Refused:
    return Refused(
        "no_room_for_background",
        en="Twelve background regions of 37 mm have no room between the wall, the spheres and the insert, even 6 mm from "
        "each. Is the phantom cut off or strongly blurred?",
        zh="即使边距减至 6 mm，模体壁、热球与肺插件之间仍放不下十二个 37 mm 本底感兴趣区。"
        "请检查模体是否被截断或图像是否过度平滑。",
    )


def _refuse_clipped(
    values: npt.NDArray[np.float32], spacing: tuple[float, float, float], fit: RingFit, background: Background
) -> None:
    """Many voxels at exactly the same top value cannot happen in a noisy image unless a limit cut them off."""
    if background.noise is None or background.noise.relative < 0.01:
        return
    low = np.floor((fit.spheres_mm.min(axis=0) - 30) / np.array(spacing)).astype(int).clip(0)
    high = np.ceil((fit.spheres_mm.max(axis=0) + 30) / np.array(spacing)).astype(int)
    near = values[tuple(slice(a, b) for a, b in zip(low, high))]
    top = near.max()
    if int((near == top).sum()) >= TOP_PLATEAU_VOXELS:
        raise Refused(
            "values_clipped",
            en=f"{int((near == top).sum())} voxels of the spheres share the highest value {top:.5g}: the values were "
            "clipped. Export the series again with its full range.",
            zh=f"热球内有 {int((near == top).sum())} 个体素同为最大值 {top:.5g}，数值已被截断。"
            "请以完整数值范围重新导出该序列。",
        )


def _discs(
    values: npt.NDArray[np.float32], spacing: tuple[float, float, float], fit: RingFit, index: int, background: Background
) -> dict[tuple[str, int], Pair]:
    found: dict[tuple[str, int], Pair] = {}
    for k in SMALLEST_FIRST:
        found["nema", SPHERES_MM[k]] = nema_disc(values, spacing, fit, k, index, background.noise)
        found["plane", SPHERES_MM[k]] = plane_disc(values, spacing, fit, k, background.noise)
    return found


def _noticed(
    fit: RingFit,
    spacing: tuple[float, float, float],
    index: int,
    discs: dict[tuple[str, int], Pair],
    background: Background,
    lung: LungInsert,
    placement: BackgroundPlacement,
    truth: TrueActivity,
) -> Noticed:
    """What the reader of the result must know. A sphere is visible when its disc stands out by three standard uncertainties
    and by a tenth of what the other spheres let expect."""
    level = background.concentration
    shared = float(np.median(fit.hot[fit.hot > 0])) if (fit.hot > 0).any() else level
    hidden, cold = [], []
    for k in SMALLEST_FIRST:
        mean, u = discs["plane", SPHERES_MM[k]]
        expected = shared * float(blurred_sphere(0.0, SPHERES_MM[k] / 2, fit.sigma_mm))
        chance = 3 * u * level / max(mean, 0.1 * level)  # noise is proportional to activity: what an absent sphere would show
        if level - mean > max(3 * u, 0.1 * level):
            cold.append(SPHERES_MM[k])
        elif mean - level < max(chance, 0.1 * expected):
            hidden.append(SPHERES_MM[k])
    return Noticed(
        hidden=tuple(hidden),
        cold=tuple(cold),
        off_slice_mm=float(np.abs(fit.spheres_mm[:, 0] - index * spacing[0]).max()),
        off_slice=bool(np.abs(fit.spheres_mm[:, 0] - index * spacing[0]).max() > OFF_SLICE_MM),
        insert_seen=100 * lung.mean / level < INSERT_MISSING_PERCENT,
        regions_overlap_mm=placement.spacing_mm if placement.spacing_mm < max(SPHERES_MM) else None,
        noise_known=background.noise is not None,
        units=truth.units,
    )


def _measurements(seen: _Seen, rotation_u: float, ratio_u_percent: float, activity_u_percent: float) -> Iterator[Measurement]:
    level, level_u = seen.background.concentration, seen.background.concentration_u
    yield from _contrasts(seen, ratio_u_percent)
    for (method, diameter), (value, u) in sorted(
        seen.background.variability.items(), key=lambda item: (item[0][0], item[0][1])
    ):
        yield VARIABILITY.of(value, u, sphere_mm=diameter, method=method)
    if seen.noticed.insert_seen:
        lung = seen.lung.mean / level
        yield LUNG.of(100 * lung, 100 * float(np.hypot(seen.lung.mean_u, lung * level_u)) / level)
    yield VARIATION.of(*seen.background.variation_percent, roi="background")
    yield from _concentrations(seen, activity_u_percent)
    yield ROTATION.of(seen.fit.pose.angle_deg, rotation_u)
    yield TILT.of(seen.fit.pose.tilt_deg)
    for axis, position in zip(("slice", "row", "column"), seen.fit.pose.centre_mm):
        yield RING_CENTRE.of(position, axis=axis)
    yield RING_RESIDUAL.of(float(np.sqrt((seen.fit.off_ring_mm**2).sum(axis=1).mean())))
    yield MARGIN.of(seen.placement.margin_mm)


def _contrasts(seen: _Seen, ratio_u_percent: float) -> Iterator[Measurement]:
    """Percent contrast where the filled ratio is known, and the plain ratio always. Off its slice, `nema` loses an unknown
    part of the sphere: it keeps its value, without an uncertainty and without a verdict."""
    level, level_u = seen.background.concentration, seen.background.concentration_u
    filled = seen.truth.ratio
    for method in ("plane", "nema"):
        astray = method == "nema" and seen.noticed.off_slice
        for k in SMALLEST_FIRST:
            diameter = SPHERES_MM[k]
            mean, u = seen.discs[method, diameter]
            ratio, ratio_u = mean / level, float(np.hypot(u, mean / level * level_u)) / level
            where: dict[str, Any] = {"sphere_mm": diameter, "method": method}
            if filled is not None:
                cold = diameter in seen.noticed.cold
                percent = 100 * (1 - ratio) if cold else 100 * (ratio - 1) / (filled - 1)
                slope = 100 * ratio_u if cold else 100 * ratio_u / (filled - 1)
                own = 0.0 if cold else percent * filled * ratio_u_percent / 100 / (filled - 1)
                quantity = UNJUDGED_CONTRAST if astray else CONTRAST
                yield quantity.of(percent, None if astray else float(np.hypot(slope, own)), **where)
            yield RATIO.of(ratio, None if astray else ratio_u, **where)


def _concentrations(seen: _Seen, activity_u_percent: float) -> Iterator[Measurement]:
    truth, background = seen.truth, seen.background
    for k in SMALLEST_FIRST:
        diameter = SPHERES_MM[k]
        one = seen.statistics[diameter]
        found = {"mean": seen.discs["plane", diameter], "a50": one.a50, "max": one.maximum, "peak": one.peak}
        for statistic, (value, u) in found.items():
            if truth.in_bq_per_ml:
                yield CONCENTRATION.of(value, u, sphere_mm=diameter, statistic=statistic)
            if truth.sphere_bq_per_ml is not None and diameter not in seen.noticed.cold:
                recovery = value / truth.sphere_bq_per_ml
                own = [u / truth.sphere_bq_per_ml, recovery * activity_u_percent / 100]
                if truth.relative:
                    own.append(recovery * background.concentration_u / background.concentration)
                yield RECOVERY.of(recovery, float(np.linalg.norm(own)), sphere_mm=diameter, statistic=statistic)
    if truth.in_bq_per_ml:
        yield BACKGROUND.of(background.concentration, background.concentration_u)
    if truth.background_bq_per_ml is not None:
        share = background.concentration / truth.background_bq_per_ml
        u = float(np.hypot(background.concentration_u / truth.background_bq_per_ml, share * activity_u_percent / 100))
        yield BACKGROUND_RECOVERY.of(share, u)

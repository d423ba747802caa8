"""The sentences that accompany the image-quality measurements: what was noticed, and how it was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photopeak.pet.background_regions import BackgroundPlacement
from photopeak.pet.background_statistics import Background
from photopeak.pet.iec_body_fit import RingFit
from photopeak.pet.iec_body_pose import SIGMA_PER_FWHM
from photopeak.pet.sphere_discs import LungInsert
from photopeak.pet.true_activity import PLAUSIBLE_BQ_PER_ML, TrueActivity
from photopeak.procedure import Condition, Remark, remark
from photopeak.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """What the measurements alone do not say. Diameters in mm."""

    hidden: tuple[int, ...]
    cold: tuple[int, ...]
    off_slice_mm: float
    off_slice: bool
    insert_seen: bool
    regions_overlap_mm: float | None
    noise_known: bool
    units: str | None


def remarks(noticed: Noticed, truth: TrueActivity) -> tuple[Remark, ...]:
    return tuple([*_about_spheres(noticed), *_about_activity(truth), *_about_background(noticed)])


def _about_spheres(noticed: Noticed) -> list[Remark]:
    found = [
        remark(
            "sphere_not_visible",
            en=f"The {diameter} mm sphere does not stand out of the background; it was measured at the place that the ring "
            "of the other spheres gives. Was it filled and mounted?",
            zh=f"{diameter} mm 球未从本底中显出，已按其余各球所定圆环的位置测量。请确认该球是否已充入活度并安装。",
        )
        for diameter in noticed.hidden
    ]
    if noticed.cold:
        names_en, names_zh = " and ".join(f"{d} mm" for d in noticed.cold), "、".join(f"{d} mm" for d in noticed.cold)
        found.append(
            remark(
                "cold_spheres",
                en=f"The {names_en} sphere is colder than the background; its contrast is that of a cold sphere, 1 − "
                "C_C/C_B, and it has no recovery.",
                zh=f"{names_zh} 球低于本底，其对比度按冷球 1 − C_C/C_B 计算，不给出恢复系数。",
            )
        )
    if noticed.off_slice:
        found.append(
            remark(
                "phantom_tilted",
                en=f"A sphere lies {noticed.off_slice_mm:.2f} mm from the nearest common slice (allowed: 1 mm): the phantom "
                "is tilted, or its spheres are not in one plane. The verdict uses method=plane, which follows each sphere; "
                "method=nema is shown without uncertainty and is not judged.",
                zh=f"有热球距最近的公共层面 {noticed.off_slice_mm:.2f} mm（允许 1 mm）：模体倾斜，或各球不在同一平面。"
                "判定采用 method=plane（逐球取其中心平面）；method=nema 仅列出数值，不给不确定度，不作判定。",
            )
        )
    return found


def _about_activity(truth: TrueActivity) -> list[Remark]:
    found = []
    low, high = PLAUSIBLE_BQ_PER_ML
    if truth.units is None and truth.plausible:
        found.append(
            remark(
                "units_assumed",
                en=f"The header gives no units. A background of {truth.background:.4g} is taken to be in Bq/mL; check with "
                "the scanner.",
                zh=f"图像头文件未注明单位，本底 {truth.background:.4g} 按 Bq/mL 处理，请与设备核对。",
            )
        )
    if not truth.plausible:
        stated = {None: ("no units", "未注明单位"), "GML": ("SUV (GML)", "SUV（GML）")}.get(
            truth.units, (f"{truth.units}",) * 2
        )
        found.append(
            remark(
                "implausible_concentration",
                en=f"A background of {truth.background:.4g} (header: {stated[0]}) is not a concentration in Bq/mL between "
                f"{low:.0f} and {high:.0f}; the values may be kBq/mL or SUV. Ratios are valid, recovery is not given. Export "
                "the series in Bq/mL.",
                zh=f"本底 {truth.background:.4g}（头文件：{stated[1]}）不在 {low:.0f}～{high:.0f} Bq/mL 的合理范围内，"
                "数值可能为 kBq/mL 或 SUV。比值有效，不给出恢复系数。请以 Bq/mL 导出该序列。",
            )
        )
    if truth.relative:
        found.append(
            remark(
                "recovery_relative_to_background",
                en="No filled concentration was given: recovery is relative to ratio × measured background, so it does not "
                "test the scanner's calibration. Give sphere_bq_per_ml.",
                zh="未提供充入的活度浓度：恢复系数以“活度浓度比 × 测得本底”为真值，不能检验设备校准。请补填 sphere_bq_per_ml。",
            )
        )
    if truth.ratio is None:
        found.append(
            remark(
                "no_filled_ratio",
                en="No filled ratio was given, so there is no percent contrast; the ratios of the means are listed. Give "
                "sphere_to_background.",
                zh="未提供热球与本底的活度浓度比，故无百分对比度，仅列出均值之比。请补填 sphere_to_background。",
            )
        )
    found += [
        remark(
            "fact_not_usable",
            en=f"The fact {name} was left out: a positive number is needed, for the ratio one above 1.",
            zh=f"事实项 {name} 未采用：须为正数，活度浓度比须大于 1。",
        )
        for name in truth.unusable
    ]
    return found


def _about_background(noticed: Noticed) -> list[Remark]:
    found = []
    if not noticed.insert_seen:
        found.append(
            remark(
                "lung_insert_not_seen",
                en="No cold insert was found in the centre of the ring: no lung residual. Was the phantom filled without "
                "its insert?",
                zh="圆环中心未见冷区，不给出肺插件残余误差。请确认模体是否安装了肺插件。",
            )
        )
    if noticed.regions_overlap_mm is not None:
        found.append(
            remark(
                "background_regions_overlap",
                en=f"There was no room for twelve separate 37 mm regions: their centres are {noticed.regions_overlap_mm:.0f} "
                "mm apart, so the largest of them overlap.",
                zh=f"空间不足以放下十二个互不重叠的 37 mm 感兴趣区：中心间距 {noticed.regions_overlap_mm:.0f} mm，"
                "较大的感兴趣区有重叠。",
            )
        )
    if not noticed.noise_known:
        found.append(
            remark(
                "noise_unknown",
                en="Too little clear background to read the noise from: uncertainties leave out the noise of the spheres.",
                zh="可用本底过少，无法估计噪声：不确定度未计入热球噪声。",
            )
        )
    return found


def conditions(
    fit: RingFit,
    spacing_mm: tuple[float, float, float],
    background: Background,
    placement: BackgroundPlacement,
    lung: LungInsert,
    truth: TrueActivity,
) -> tuple[Condition, ...]:
    """How it was measured, a line each."""
    z, y, x = spacing_mm
    sense = Words("counter-clockwise", "逆时针") if fit.pose.hand > 0 else Words("clockwise", "顺时针")
    fwhm = fit.sigma_mm / float(SIGMA_PER_FWHM)
    slices = ", ".join(str(k + 1) for k in background.slices)
    places = "; ".join(f"{row:.0f}, {column:.0f}" for row, column in placement.centres_mm)
    lines = [
        _line("voxel (slice, row, column)", "体素（层、行、列）", f"{z:.3g} × {y:.3g} × {x:.3g} mm"),
        _line("sizes fall", "球径递减方向", sense.en, sense.zh),
        _line("blur of the spheres", "热球模糊", f"{fwhm:.1f} mm FWHM", f"半高宽 {fwhm:.1f} mm"),
        _line("slices of the background regions", "本底感兴趣区层面", slices),
        _line(
            "background regions",
            "本底感兴趣区",
            f"12, margin {placement.margin_mm:.1f} mm, centres {placement.spacing_mm:.1f} mm apart or more",
            f"12 个，边距 {placement.margin_mm:.1f} mm，中心间距不小于 {placement.spacing_mm:.1f} mm",
        ),
        _line("their centres (row, column), mm", "其中心（行, 列），mm", places),
    ]
    if background.noise is not None and background.noise.relative > 0:
        middle = background.noise.correlation.shape[0] // 2, background.noise.correlation.shape[1] // 2
        across = background.noise.correlation[middle[0], middle[1], :]
        reach = _half_width(across) * x
        lines.append(
            _line(
                "noise",
                "噪声",
                f"{100 * background.noise.relative:.1f} % of the local activity, correlation halved at {reach:.1f} mm",
                f"局部活度的 {100 * background.noise.relative:.1f}%，相关性在 {reach:.1f} mm 处减半",
            )
        )
    by_slice = 100 * np.array(lung.means) / background.concentration
    lines.append(
        _line(
            "lung insert by slice",
            "肺插件逐层",
            f"{by_slice.min():.1f} to {by_slice.max():.1f} % in slices {lung.slices[0] + 1} to {lung.slices[-1] + 1}",
            f"第 {lung.slices[0] + 1}～{lung.slices[-1] + 1} 层为 {by_slice.min():.1f}%～{by_slice.max():.1f}%",
        )
    )
    if truth.ratio is not None:
        lines.append(_line("filled ratio", "充入活度浓度比", f"{truth.ratio:.4g} : 1"))
    return tuple(lines)


def _line(en_label: str, zh_label: str, en: str, zh: str | None = None) -> Condition:
    return Condition(label=Words(en_label, zh_label), value=Words(en, en if zh is None else zh))


def _half_width(profile: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Samples from the middle to where the profile first falls below one half, by linear interpolation."""
    side = profile[profile.size // 2 :]
    below = np.flatnonzero(side < 0.5)
    if below.size == 0:
        return float(side.size - 1)
    k = int(below[0])
    return float(k - 1 + (side[k - 1] - 0.5) / (side[k - 1] - side[k]))

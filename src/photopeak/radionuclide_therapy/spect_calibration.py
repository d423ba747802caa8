"""Calibration factor of a SPECT or planar camera for activity: primary counts per second and MBq of a known source.

    CF = (primary counts / duration) / mean activity during the acquisition

Scatter by the triple energy window where its counts are given; the variance weighs each scatter window with (w_p / 2 w)². The activity
is decayed from its assay to the acquisition and averaged over it (EANM 2018; IAEA HHS-6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.half_life import DATA_WORDS, decay_of, seconds_after
from photopeak.measurement import Quantity
from photopeak.nuclide import NuclearData
from photopeak.procedure import Condition, Remark, Result, procedure, remark
from photopeak.radionuclide_therapy.scatter_windows import primary_counts
from photopeak.words import Words

FACTOR = Quantity(name="calibration_factor", unit="{counts}/s/MBq", en="calibration factor", zh="刻度系数")
MEAN = Quantity(
    name="mean_activity", unit="MBq", en="mean activity during the acquisition", zh="采集期间平均活度", judged=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectCalibration(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "calibration_factor")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, spect_calibration, ("photopeak_counts", "duration_s", "activity_mbq"))


@procedure(
    en="SPECT calibration factor",
    zh="SPECT 活度刻度系数",
    implements="EANM 2018 (dosimetry uncertainty); Ogawa 1991 (triple energy window)",
    kinds=("table",),
    quantities=(FACTOR, MEAN),
    accepts=accepts,
)
def spect_calibration(
    evidence: Evidence,
    *,
    photopeak_counts: Annotated[float | None, Words("counts in the photopeak window", "光电峰窗计数"), Column(above=0)] = None,
    lower_counts: Annotated[float | None, Words("counts in the lower window", "下散射窗计数"), Column(least=0)] = None,
    upper_counts: Annotated[float | None, Words("counts in the upper window", "上散射窗计数"), Column(least=0)] = None,
    photopeak_width_kev: Annotated[
        float | None, Words("width of the photopeak window, keV", "光电峰窗宽，keV"), Column(above=0)
    ] = None,
    lower_width_kev: Annotated[
        float | None, Words("width of the lower window, keV", "下散射窗宽，keV"), Column(above=0)
    ] = None,
    upper_width_kev: Annotated[
        float | None, Words("width of the upper window, keV", "上散射窗宽，keV"), Column(above=0)
    ] = None,
    duration_s: Annotated[float | None, Words("duration of the acquisition, s", "采集时间，s"), Column(above=0)] = None,
    activity_mbq: Annotated[float | None, Words("activity at its assay, MBq", "测定时刻活度，MBq"), Column(above=0)] = None,
    assayed_at: Annotated[str | None, Words("time of assay", "活度测定时刻"), Column(kind="time")] = None,
    started_at: Annotated[str | None, Words("start of the acquisition", "采集开始时刻"), Column(kind="time")] = None,
    nuclide: Annotated[str | None, Words("nuclide", "核素"), Column(kind="text")] = None,
    half_life_h: Annotated[
        float | None, Words("half-life, h (else by nuclide)", "半衰期，h（缺省按核素）"), Column(above=0)
    ] = None,
    nuclear_data: Annotated[NuclearData, DATA_WORDS] = "icrp107",
) -> SpectCalibration:
    """The factor of each case, its uncertainty from counting, the activity (column activity_mbq_u) and the half-life."""

    def measure(case: Case) -> Measured:
        return _measure(case, nuclear_data)

    done, remarks = measure_cases(evidence, spect_calibration, declared(locals()), measure)
    conditions = dict.fromkeys(found.detail for _, found in done if found.detail is not None)
    return SpectCalibration(measurements=all_measurements(done), remarks=remarks, conditions=tuple(conditions))


def _measure(case: Case, data: NuclearData) -> Measured:
    lower, upper = float(case.get("lower_counts") or 0.0), float(case.get("upper_counts") or 0.0)
    widths = (
        case.number("lower_width_kev") if lower else 0.0,
        case.number("photopeak_width_kev") if lower or upper else 1.0,
        case.number("upper_width_kev") if upper else 0.0,
    )
    counts, u_counts = primary_counts(case.number("photopeak_counts"), lower, upper, widths)
    if counts <= 0:
        raise case.refused(
            "no_primary_counts",
            en=f"no counts remain after scatter correction ({counts:.4g}); check the windows and their widths",
            zh=f"散射校正后无净计数（{counts:.4g}），请检查能窗及窗宽。",
        )
    duration = case.number("duration_s")
    mean, u_decay, condition, remarks = _mean_activity(case, duration, data)
    factor = counts / duration / mean
    terms = [u_counts / counts, u_decay]
    stated = case.uncertainties.get("activity_mbq")
    if stated is not None:
        terms.append(stated / case.number("activity_mbq"))
    else:
        remarks.append(
            remark(
                "activity_uncertainty_missing",
                en="the uncertainty of the activity (column activity_mbq_u) is not given and not contained in the result",
                zh="未给出活度的不确定度（activity_mbq_u 列），所给不确定度不包含该项",
            )
        )
    where: dict[str, Any] = case.where()
    return Measured(
        measurements=(FACTOR.of(factor, factor * math.hypot(*terms), **where), MEAN.of(mean, **where)),
        remarks=tuple(remarks),
        detail=condition,
    )


def _mean_activity(case: Case, duration: float, data: NuclearData) -> tuple[float, float, Condition | None, list[Remark]]:
    """Mean activity over the acquisition in MBq, its relative uncertainty from the half-life, how it decays, remarks."""
    activity = case.number("activity_mbq")
    if not (case.has("nuclide") or case.has("half_life_h")):
        unknown = remark(
            "decay_not_corrected",
            en="neither nuclide nor half-life is given: the activity is taken as that during the acquisition",
            zh="未给出核素或半衰期：所给活度按采集期间活度处理",
        )
        return activity, 0.0, None, [unknown]
    decay = decay_of(case, data, half_life="half_life_h")
    remarks = []
    seconds = 0.0
    if case.has("assayed_at", "started_at"):
        seconds = seconds_after(case, "assayed_at", "started_at")
    else:
        remarks.append(
            remark(
                "times_missing",
                en="times of assay and acquisition are not both given: the activity is taken as that at the start",
                zh="未同时给出测定时刻和采集时刻：所给活度按采集开始时活度处理",
            )
        )
    nuclide = decay.nuclide
    mean = activity * nuclide.share_left(seconds) * nuclide.mean_over(duration)
    relative = nuclide.decay_constant * (seconds + duration / 2) * nuclide.half_life_u_s / nuclide.half_life_s
    return mean, relative, decay.condition(), remarks

"""Time-integrated activity of an organ, a lesion or the whole body, from its activity at several times.

The curve is one exponential, uptake and washout, or two phases of washout; Akaike's corrected criterion chooses among those that the
number of samples allows, and no phase may be slower than physical decay (EANM 2018, doi 10.1007/s00259-018-4136-7; MIRD 16). The
stated uncertainty joins that of the samples (the larger of linear propagation and Monte Carlo, both shown), the form of the curve
(10 % or more where fewer than six samples cannot tell it) and a common calibration uncertainty where one is given. A single sample
gives the estimate of Haenscheid 2018, activity x 2 t / ln 2. Refused: samples that show an effective half-life above the physical one,
and an area after the last sample above 20 % of the whole, unless that share is raised by the option.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.cases import Case, Column, Measured, all_measurements, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line, Points
from photopeak.half_life import DATA_WORDS, decay_of
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import NuclearData
from photopeak.procedure import Condition, Remark, Result, procedure, remark
from photopeak.radionuclide_therapy.time_activity import (
    Integral,
    integrate,
    single_time_point,
    slower_than_decay,
)
from photopeak.radionuclide_therapy.time_activity_models import Samples
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

TIA = Quantity(name="time_integrated_activity", unit="MBq.h", en="time-integrated activity", zh="时间积分活度")
HALF_LIFE = Quantity(name="effective_half_life", unit="h", en="effective half-life", zh="有效半衰期")
RATE = Quantity(name="decay_constant", unit="/h", en="effective decay constant", zh="有效衰变常数", judged=False)
LINEAR = Quantity(
    name="uncertainty_linear", unit="MBq.h", en="of the samples, linear propagation", zh="采样所致（线性传递）", judged=False
)
MONTE_CARLO = Quantity(
    name="uncertainty_monte_carlo", unit="MBq.h", en="of the samples, Monte Carlo", zh="采样所致（蒙特卡罗）", judged=False
)
FORM = Quantity(name="uncertainty_form", unit="MBq.h", en="of the form of the curve", zh="曲线形式所致", judged=False)
BEYOND = Quantity(name="extrapolated_area", unit="%", en="area after the last sample", zh="末次采样后的面积占比", judged=False)
SAMPLE = Quantity(name="sample_activity", unit="MBq", en="activity", zh="活度", judged=False)

CURVES = {
    "mono": Words("one exponential", "单指数"),
    "bi_uptake": Words("uptake and washout", "摄取加清除"),
    "bi": Words("two phases of washout", "双指数清除"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What one chart shows: samples, and the curve at times_h where there is one."""

    label: str
    samples: tuple[Measurement, ...]
    time_h: Floats
    curve_h: Floats | None = None
    curve: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeIntegratedActivity(Result):
    drawn: tuple[Drawn, ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(_chart(one) for one in self.drawn)


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, time_integrated_activity, ("time_h", "activity_mbq"))


@procedure(
    en="Time-integrated activity",
    zh="时间积分活度",
    implements="EANM 2018 (dosimetry uncertainty); MIRD Pamphlet 16; Haenscheid 2018 (single time point)",
    kinds=("table",),
    quantities=(TIA, HALF_LIFE, RATE, LINEAR, MONTE_CARLO, FORM, BEYOND),
    accepts=accepts,
)
def time_integrated_activity(
    evidence: Evidence,
    *,
    time_h: Annotated[
        str | None,
        Words("time after administration, h", "给药后时间，h"),
        Column(kind="numbers", aliases=("t", "single_time_h"), least=0),
    ] = None,
    activity_mbq: Annotated[
        str | None, Words("activity, MBq", "活度，MBq"), Column(kind="numbers", aliases=("y",), above=0)
    ] = None,
    standard_uncertainty_mbq: Annotated[
        str | None,
        Words("standard uncertainty of each activity, MBq", "各活度的标准不确定度，MBq"),
        Column(kind="numbers", aliases=("u", "activity_mbq_u"), above=0),
    ] = None,
    relative_uncertainty: Annotated[
        str | None,
        Words("relative standard uncertainty of each activity", "各活度的相对标准不确定度"),
        Column(kind="numbers", aliases=("rel_u",), above=0),
    ] = None,
    calibration_u_percent: Annotated[
        float | None,
        Words("standard uncertainty common to all samples, %", "各采样共有的标准不确定度，%"),
        Column(least=0),
    ] = None,
    nuclide: Annotated[str | None, Words("nuclide", "核素"), Column(kind="text")] = None,
    physical_half_life_h: Annotated[
        float | None, Words("physical half-life, h", "物理半衰期，h"), Column(aliases=("t_phys_h",), above=0)
    ] = None,
    largest_extrapolation_percent: Annotated[
        float, Words("largest area after the last sample, %", "末次采样后面积占比上限，%")
    ] = 20.0,
    nuclear_data: Annotated[NuclearData, DATA_WORDS] = "icrp107",
) -> TimeIntegratedActivity:
    """The area under the curve of activity from administration to infinity, by region (column case)."""

    def measure(case: Case) -> Measured:
        return _measure(case, nuclear_data, largest_extrapolation_percent)

    given = {key: value for key, value in declared(locals()).items() if key != "largest_extrapolation_percent"}
    done, remarks = measure_cases(evidence, time_integrated_activity, given, measure)
    conditions = dict.fromkeys(one for _, found in done for one in found.detail[0])
    return TimeIntegratedActivity(
        measurements=all_measurements(done),
        remarks=remarks,
        conditions=tuple(conditions),
        drawn=tuple(found.detail[1] for _, found in done),
    )


def _measure(case: Case, data: NuclearData, most_percent: float) -> Measured:
    samples = _samples(case)
    physical, conditions, remarks = _physical(case, data)
    if samples.time_h.size == 1:
        return _of_one_sample(case, samples, conditions, remarks)
    found = integrate(samples, physical)
    _refuse_impossible(case, samples, found, physical, most_percent)
    remarks += _notices(case, samples, found, most_percent)
    where: dict[str, Any] = case.where(model=found.fit.model.name)
    common = float(case.get("calibration_u_percent") or 0.0) / 100 * found.value
    u = None if found.u is None else math.hypot(found.u, common)
    rate, u_rate = found.rate
    half_life = math.log(2) / rate
    measurements = [
        TIA.of(found.value, u, **where),
        HALF_LIFE.of(half_life, None if u_rate is None else half_life * u_rate / rate, **where),
        RATE.of(rate, u_rate, **where),
        FORM.of(found.u_form, **where),
        BEYOND.of(100 * found.beyond, **where),
    ]
    if found.u_linear is not None:
        measurements.append(LINEAR.of(found.u_linear, **where))
    if found.u_monte_carlo is not None:
        measurements.append(MONTE_CARLO.of(found.u_monte_carlo, **where))
    conditions.append(_condition(case, found))
    curve_h = np.linspace(0.0, 1.25 * float(samples.time_h[-1]), 160)
    drawn = _drawn(case, samples, curve_h, found.fit.values(curve_h))
    return Measured(measurements=tuple(measurements), remarks=tuple(remarks), detail=(conditions, drawn))


def _samples(case: Case) -> Samples:
    """The samples of a case in the order of time."""
    times, activities = np.array(case.numbers("time_h")), np.array(case.numbers("activity_mbq"))
    u: Floats | None = None
    if case.has("standard_uncertainty_mbq"):
        u = np.array(case.numbers("standard_uncertainty_mbq"))
    elif case.has("relative_uncertainty"):
        u = np.array(case.numbers("relative_uncertainty"))
        u = u * activities if u.size in (1, activities.size) else u
    sizes = {times.size, activities.size, *(() if u is None else (u.size,))}
    if len(sizes) > 1:
        raise case.refused(
            "unequal_series",
            en=f"{times.size} times, {activities.size} activities and {activities.size if u is None else u.size} uncertainties do not "
            "belong together; every sample needs each of them",
            zh=f"时间 {times.size} 个、活度 {activities.size} 个、不确定度 {activities.size if u is None else u.size} 个，数目不一致；"
            "每个采样须各有一个。",
        )
    order = np.argsort(times, kind="stable")
    if (np.diff(times[order]) <= 0).any():
        raise case.refused(
            "same_time_twice",
            en="two samples have the same time; take their mean, or give each region its name in a column case",
            zh="有两个采样的时间相同；请取平均，或增加 case 列区分区域。",
        )
    if times[order][0] == 0 and times.size == 1:
        raise case.refused(
            "time_is_zero",
            en="the only sample was taken at time 0, which tells nothing of the retention; sample later",
            zh="唯一的采样时间为 0，无法反映滞留；请在之后采样。",
        )
    return Samples(time_h=times[order], activity=activities[order], u=None if u is None else u[order])


def _physical(case: Case, data: NuclearData) -> tuple[float, list[Condition], list[Remark]]:
    """The physical decay constant in 1/h: 0 where neither nuclide nor half-life is given."""
    if case.has("nuclide") or case.has("physical_half_life_h"):
        decay = decay_of(case, data, half_life="physical_half_life_h")
        return 3600.0 * decay.nuclide.decay_constant, [decay.condition()], []
    missing = remark(
        "physical_half_life_unknown",
        en="neither nuclide nor physical half-life was given: a curve slower than physical decay would not be noticed",
        zh="未给出核素或物理半衰期：若曲线慢于物理衰变将无法发现",
    )
    return 0.0, [], [missing]


def _of_one_sample(case: Case, samples: Samples, conditions: list[Condition], remarks: list[Remark]) -> Measured:
    time_h, activity = float(samples.time_h[0]), float(samples.activity[0])
    value, where = single_time_point(activity, time_h), dict[str, Any](case.where(model="single_time_point"))
    noticed = remark(
        "single_time_point",
        en=f"one sample: activity x 2 t / ln 2 (Haenscheid 2018). It is right within 12 % where the effective half-life lies between "
        f"{time_h * 0.4:.3g} and {time_h * 1.33:.3g} h, and has no stated uncertainty because one sample cannot tell",
        zh=f"仅一次采样：活度 × 2t/ln 2（Haenscheid 2018）。有效半衰期在 {time_h * 0.4:.3g}～{time_h * 1.33:.3g} h 之间时误差在 12% 以内；"
        "一次采样无法判断，故不给出不确定度",
    )
    return Measured(
        measurements=(TIA.of(value, **where),),
        remarks=(*remarks, noticed),
        detail=(conditions, _drawn(case, samples)),
    )


def _refuse_impossible(case: Case, samples: Samples, found: Integral, physical: float, most_percent: float) -> None:
    shown = slower_than_decay(samples, found.fit, physical) if physical > 0 else None
    if shown is not None:
        limit = math.log(2) / physical
        raise case.refused(
            "effective_half_life_above_physical",
            en=f"the samples fall with a half-life of {shown:.4g} h, the nuclide with {limit:.4g} h; nothing can stay longer than it "
            "lives. Check decay correction (is it applied twice?), times and calibration",
            zh=f"采样显示的半衰期为 {shown:.4g} h，长于核素的物理半衰期 {limit:.4g} h，不可能。请检查是否重复作了衰变校正，以及时间和刻度。",
        )
    if 100 * found.beyond > most_percent:
        raise case.refused(
            "extrapolation_too_large",
            en=f"{100 * found.beyond:.1f} % of the area lies after the last sample (at most {most_percent:g} % is accepted); sample "
            "later, or accept it with --largest-extrapolation-percent",
            zh=f"末次采样之后的面积占 {100 * found.beyond:.1f}%（上限 {most_percent:g}%）；请增加更晚的采样，"
            "或用 --largest-extrapolation-percent 放宽。",
        )


def _notices(case: Case, samples: Samples, found: Integral, most_percent: float) -> list[Remark]:
    noticed = []
    if found.chosen_by == "assumed":
        noticed.append(
            remark(
                "model_assumed",
                en=f"{samples.time_h.size} samples leave no choice of a curve: one exponential was assumed; six or more tell its form",
                zh=f"仅 {samples.time_h.size} 个采样，无法选择曲线形式，按单指数处理；六个以上采样才能判别",
            )
        )
    if most_percent > 20.0 and 100 * found.beyond > 20.0:
        noticed.append(
            remark(
                "extrapolation_accepted",
                en=f"{100 * found.beyond:.1f} % of the area lies after the last sample and was accepted by an option",
                zh=f"末次采样之后的面积占 {100 * found.beyond:.1f}%，系按选项放宽后接受",
            )
        )
    if found.u is None:
        noticed.append(
            remark(
                "no_uncertainty",
                en="no uncertainties were given and the samples leave no scatter to read them from: the result has none",
                zh="未给出不确定度，采样数也不足以由离散估计：结果无不确定度",
            )
        )
    return noticed


def _condition(case: Case, found: Integral) -> Condition:
    name = CURVES[found.fit.model.name]
    told = "; ".join(f"{model} {value:.1f}" for model, value in sorted(found.criteria.items(), key=lambda pair: pair[1]))
    en = f"{name.en} (AICc: {told})" if told else f"{name.en} (assumed)"
    zh = f"{name.zh}（AICc：{told}）" if told else f"{name.zh}（假定）"
    place = f" · {case.label}" if case.label else ""
    return Condition(label=Words(f"curve{place}", f"曲线{place}"), value=Words(en, zh))


def _drawn(case: Case, samples: Samples, curve_h: Floats | None = None, curve: Floats | None = None) -> Drawn:
    u = [None] * samples.time_h.size if samples.u is None else samples.u.tolist()
    shown = tuple(SAMPLE.of(value, own) for value, own in zip(samples.activity.tolist(), u))
    return Drawn(label=case.label or "", samples=shown, time_h=samples.time_h, curve_h=curve_h, curve=curve)


def _chart(one: Drawn) -> Chart:
    points = Points(x=tuple(one.time_h.tolist()), measurements=one.samples, label=Words("samples", "采样"))
    lines = () if one.curve_h is None or one.curve is None else (Line(x=one.curve_h, y=one.curve, label=Words("fit", "拟合")),)
    place = f" · {one.label}" if one.label else ""
    return Chart(
        title=Words(f"Activity after administration{place}", f"给药后活度{place}"),
        x=Axis(label=Words("time after administration", "给药后时间"), unit="h", low=0.0),
        y=Axis(label=Words("activity", "活度"), unit="MBq", low=0.0),
        marks=(*lines, points),
        group="activity",
    )

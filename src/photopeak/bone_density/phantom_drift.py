"""Phantom scans of a densitometer over time: the deviation of each scan, and a CUSUM that sees a step before any single scan does.

Running sum S = sum (X - T) with T the target or the mean of the first scans (ANZBMS, appendix 6). Tabular CUSUM in standard deviations:
C+ = max(0, C+ + z - k), C- likewise; an alarm where one exceeds h. k and h are the chart's design (0.5 and 5), not limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.bone_density.reference_values import reference_values
from photopeak.cases import Case, Column, Measured, all_measurements, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Remark, Result, procedure, remark
from photopeak.table import Table
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

DEVIATION = Quantity(name="phantom_deviation", unit="%", en="deviation from the target", zh="与靶值的偏差", judged=False)
CUSUM = Quantity(name="cusum", unit="g/cm2", en="cumulative sum at the last scan", zh="末次扫描累积和", judged=False)
ALARMS = Quantity(name="cusum_alarms", unit="1", en="scans with a CUSUM alarm", zh="CUSUM 报警次数")
FIRST = Quantity(
    name="first_alarm_index",
    unit="1",
    en="index of the first alarm (first scan: 0)",
    zh="首次报警序号（首次扫描为 0）",
    judged=False,
)
OUTSIDE = Quantity(name="shewhart_alarms", unit="1", en="scans outside the Shewhart band", zh="超出 Shewhart 界限的次数")
STEP = Quantity(name="phantom_step", unit="%", en="step since the change", zh="变化后的阶跃", judged=False)
LEAST_SCANS = 5
OTHERS = {"patient", "scanner", "age", "sex", "ref_mean", "reference", "reference_mean_g_per_cm2", "previous_bmd"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomDrift(Result):
    """`courses`: title, scans (1, 2 ...), deviations, C+, C- and h."""

    courses: tuple[tuple[Words, tuple[Measurement, ...], Floats, Floats, float], ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(chart for one in self.courses for chart in _charts(*one))


def accepts(evidence: Evidence) -> Words | None:
    table = evidence.images
    if isinstance(table, Table) and not table.has("phantom_bmd") and OTHERS & set(table.columns):
        return Words("its densities are of people or of two scanners", "其中的骨密度属于受检者或两台设备")
    return lacking(evidence, phantom_drift, ("phantom_bmd",))


@procedure(
    en="Phantom drift",
    zh="模体漂移（Shewhart 与 CUSUM）",
    implements="ANZBMS accreditation guidelines, appendix 6; tabular CUSUM",
    kinds=("table",),
    quantities=(DEVIATION, CUSUM, ALARMS, FIRST, OUTSIDE, STEP),
    accepts=accepts,
)
def phantom_drift(
    evidence: Evidence,
    *,
    phantom_bmd: Annotated[
        str | None,
        Words("phantom density, in order of time", "模体测量值（按时间顺序）"),
        Column(kind="numbers", aliases=("bmd",), above=0),
    ] = None,
    target: Annotated[
        float | None, Words("target (else the mean of the first scans)", "靶值（缺省为前若干次均值）"), Column(above=0)
    ] = None,
    sd: Annotated[float | None, Words("standard deviation of one scan", "单次扫描标准差"), Column(above=0)] = None,
    baseline_scans: Annotated[float | None, Words("scans of the baseline", "基线扫描次数"), Column(least=5)] = None,
    k: Annotated[
        float | None, Words("reference value of the CUSUM, in SD", "CUSUM 参考值 k（以 SD 计）"), Column(least=0)
    ] = None,
    h: Annotated[
        float | None, Words("decision interval of the CUSUM, in SD", "CUSUM 判定区间 h（以 SD 计）"), Column(above=0)
    ] = None,
    shewhart_percent: Annotated[
        float | None, Words("half-width of a Shewhart band, %", "Shewhart 界限半宽，%"), Column(above=0)
    ] = None,
) -> PhantomDrift:
    """Deviation of every scan in per cent, running sum, alarms of the CUSUM with the estimated step, scans outside a band."""
    done, remarks = measure_cases(evidence, phantom_drift, declared(locals()), _one)
    return PhantomDrift(measurements=all_measurements(done), remarks=remarks, courses=tuple(found.detail for _, found in done))


def _one(case: Case) -> Measured:
    design = reference_values()["cusum"]
    scans = np.array(case.numbers("phantom_bmd", least=LEAST_SCANS))
    count = min(int(case.get("baseline_scans") or design["baseline_scans"]), len(scans))
    target = float(case.get("target") or scans[:count].mean())
    sd = float(case.get("sd") or scans[:count].std(ddof=1))
    if sd <= 0:
        raise case.refused(
            "no_spread",
            en="all scans of the baseline are equal; give the standard deviation of one scan (sd)",
            zh="基线扫描数值完全相同，请给出单次扫描标准差（sd）。",
        )
    k, h = (float(case.get(name) if case.get(name) is not None else design[name]) for name in ("k", "h"))
    up, down = cusum((scans - target) / sd, k)
    alarms = np.flatnonzero((up > h) | (down > h))
    deviations = 100 * (scans / target - 1)
    points = tuple(DEVIATION.of(float(one), 100 * sd / target, **case.where(scan=n)) for n, one in enumerate(deviations, 1))
    measurements: list[Measurement] = [
        *points,
        CUSUM.of(float((scans - target).sum()), sd * math.sqrt(len(scans)), **case.where()),
        ALARMS.of(len(alarms), 0.0, **case.where(k=k, h=h)),
    ]
    if case.has("shewhart_percent"):
        width = case.number("shewhart_percent")
        measurements.append(OUTSIDE.of(int((np.abs(deviations) > width).sum()), 0.0, **case.where(width_percent=width)))
    remarks: tuple[Remark, ...] = ()
    if len(alarms):
        first = int(alarms[0])
        measurements.append(FIRST.of(first, **case.where()))
        step, remarks = _step(case, scans, target, sd, first)
        measurements.append(step)
    title = Words("Phantom", "模体")
    if case.label:
        title = Words(f"{title.en}: {case.label}", f"{title.zh}：{case.label}")
    return Measured(measurements=tuple(measurements), remarks=remarks, detail=(title, points, up, down, h))


def cusum(z: Floats, k: float) -> tuple[Floats, Floats]:
    """Upper and lower tabular CUSUM of standardised values."""
    up, down = np.zeros(len(z)), np.zeros(len(z))
    above = below = 0.0
    for n, one in enumerate(z):
        above, below = max(0.0, above + one - k), max(0.0, below - one - k)
        up[n], down[n] = above, below
    return up, down


def _step(case: Case, scans: Floats, target: float, sd: float, first: int) -> tuple[Measurement, tuple[Remark, ...]]:
    """One step from the target, averaged over the scans at which it may have begun, each weighted by its likelihood.

    The spread over those beginnings is part of the uncertainty.
    """
    left = np.arange(len(scans), 0, -1, dtype=np.float64)
    means = np.cumsum((scans - target)[::-1])[::-1] / left
    logs = left * means**2 / (2 * sd**2)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    start = int(np.argmax(weights))
    mean = float((weights * means).sum())
    variance = float((weights * (sd**2 / left + (means - mean) ** 2)).sum())
    step, u = 100 * mean / target, 100 * math.sqrt(variance) / target
    measured = STEP.of(step, u, **case.where(from_scan=start + 1))
    told = remark(
        "cusum_alarm",
        en=f"the CUSUM alarms at scan {first + 1}; the change began about scan {start + 1}, since then the mean is off by "
        f"{step:+.2f} ± {2 * u:.2f} %",
        zh=f"CUSUM 在第 {first + 1} 次扫描报警；变化约始于第 {start + 1} 次，此后均值偏移 {step:+.2f} ± {2 * u:.2f} %",
    )
    return measured, (told,)


def _charts(title: Words, points: tuple[Measurement, ...], up: Floats, down: Floats, h: float) -> tuple[Chart, Chart]:
    x = np.arange(1, len(points) + 1, dtype=np.float64)
    scans = Axis(label=Words("scan", "扫描序号"), low=0.5, high=len(points) + 0.5)
    return (
        Chart(
            title=Words(f"{title.en}: deviation", f"{title.zh}：偏差"),
            x=scans,
            y=Axis(label=DEVIATION.words, unit="%"),
            marks=(Points(x=tuple(float(one) for one in x), measurements=points),),
            group="drift",
        ),
        Chart(
            title=Words(f"{title.en}: CUSUM", f"{title.zh}：CUSUM"),
            x=scans,
            y=Axis(label=Words("CUSUM in standard deviations", "CUSUM（以 SD 计）")),
            marks=(
                Line(x=x, y=up, label=Words("upwards", "上行")),
                Line(x=x, y=-down, label=Words("downwards", "下行")),
                Line(x=x, y=np.full(len(x), h), label=Words("decision interval", "判定区间")),
                Line(x=x, y=np.full(len(x), -h)),
            ),
            group="drift",
        ),
    )

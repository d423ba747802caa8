"""Constancy of an activity meter: a long-lived check source against the reading expected from the baseline by decay.

Every reading is judged; the slope of the deviations over time shows a drift before any single day fails.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cases import Case, Column, Measured, all_measurements, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line, Points
from photopeak.half_life import DATA_WORDS, decay_of
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import NuclearData, seconds_between
from photopeak.procedure import Remark, Result, procedure, remark
from photopeak.table import Table
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

CONSTANCY = Quantity(name="constancy", unit="%", en="constancy", zh="稳定性（与基线偏差）", judged=False)
LARGEST = Quantity(name="constancy_largest", unit="%", en="largest deviation from the baseline", zh="与基线的最大偏差")
DRIFT = Quantity(name="drift", unit="%/a", en="drift per year", zh="年漂移", judged=False)
DAY_S = 86400.0
BASELINE = {"baseline_at", "reference_at", "baseline_activity_mbq", "baseline_mbq", "reference_activity_mbq"}
LEAST_FOR_NOISE = 5
LEAST_FOR_DRIFT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Constancy(Result):
    """`courses`: for each case its title, the days from the baseline and the deviations."""

    courses: tuple[tuple[Words, tuple[float, ...], tuple[Measurement, ...]], ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(_chart(*one) for one in self.courses)


def accepts(evidence: Evidence) -> Words | None:
    table = evidence.images
    if isinstance(table, Table) and not BASELINE & set(table.columns):
        return Words("no baseline is named", "未给出基线")
    return lacking(evidence, constancy, ("baseline_activity_mbq", "baseline_at", "measured_at", "readings_mbq"))


@procedure(
    en="Activity meter constancy",
    zh="活度计稳定性",
    implements="IAEA TRS 454; daily check source",
    kinds=("table",),
    quantities=(CONSTANCY, LARGEST, DRIFT),
    accepts=accepts,
)
def constancy(
    evidence: Evidence,
    *,
    nuclide: Annotated[str | None, Words("nuclide of the check source", "检验源核素"), Column(kind="text")] = None,
    baseline_activity_mbq: Annotated[
        float | None,
        Words("baseline reading, MBq", "基线示值，MBq"),
        Column(aliases=("reference_activity_mbq", "baseline_mbq", "a0_mbq"), above=0),
    ] = None,
    baseline_at: Annotated[
        str | None, Words("date of the baseline", "基线日期"), Column(kind="time", aliases=("reference_at", "ref"))
    ] = None,
    measured_at: Annotated[
        str | None, Words("dates of the readings", "测量日期"), Column(kind="times", aliases=("date", "meas"))
    ] = None,
    readings_mbq: Annotated[
        str | None, Words("readings, MBq", "示值，MBq"), Column(kind="numbers", aliases=("reading_mbq",), above=0)
    ] = None,
    background_mbq: Annotated[float | None, Words("background reading, MBq", "本底示值，MBq"), Column()] = None,
    half_life_d: Annotated[
        float | None, Words("half-life, d (else by nuclide)", "半衰期，d（缺省按核素）"), Column(above=0)
    ] = None,
    reading_u_percent: Annotated[
        float | None, Words("repeatability of one reading (k = 1), %", "单次示值重复性（k = 1），%"), Column(least=0)
    ] = None,
    nuclear_data: Annotated[NuclearData, DATA_WORDS] = "icrp107",
) -> Constancy:
    """Percentage deviation of every reading from the baseline decayed to its day, and their drift per year."""

    def measure(case: Case) -> Measured:
        return _one(case, nuclear_data)

    done, remarks = measure_cases(evidence, constancy, declared(locals()), measure)
    return Constancy(
        measurements=all_measurements(done),
        remarks=remarks,
        conditions=tuple(dict.fromkeys(found.detail[1] for _, found in done)),
        courses=tuple(found.detail[0] for _, found in done),
    )


def _one(case: Case, data: NuclearData) -> Measured:
    decay = decay_of(case, data)
    readings, moments = np.array(case.numbers("readings_mbq")), case.times("measured_at")
    if len(readings) != len(moments):
        raise case.refused(
            "unequal_series",
            en=f"{len(readings)} readings but {len(moments)} dates; every reading needs its date",
            zh=f"示值 {len(readings)} 个，而日期 {len(moments)} 个，二者须一一对应。",
        )
    start = case.time("baseline_at")
    days = np.array([seconds_between(start, one) / DAY_S for one in moments])
    if days.min() < 0:
        raise case.refused(
            "before_assay",
            en=f"a reading of {min(moments):%Y-%m-%d} lies before the baseline of {start:%Y-%m-%d}; correct the dates",
            zh=f"{min(moments):%Y-%m-%d} 的示值早于基线日期 {start:%Y-%m-%d}，请更正日期。",
        )
    share = np.exp(-decay.nuclide.decay_constant * DAY_S * days)
    net = readings - float(case.get("background_mbq") or 0.0)
    deviations = 100 * (net / (case.number("baseline_activity_mbq") * share) - 1)
    noise = _noise(case, days, deviations)
    points = tuple(
        CONSTANCY.of(float(one), noise, **case.where(nuclide=decay.name, date=_day(moment)))
        for one, moment in zip(deviations, moments)
    )
    worst = max(points, key=lambda one: abs(one.value))
    title = Words("Deviation from the baseline", "与基线的偏差")
    if case.label:
        title = Words(f"{title.en}: {case.label}", f"{title.zh}：{case.label}")
    drift, remarks = _drift(case, days, deviations)
    return Measured(
        measurements=(LARGEST.of(abs(worst.value), noise, **case.where(date=worst.where["date"])), *points, *drift),
        remarks=remarks,
        detail=((title, tuple(float(d) for d in days), points), decay.condition()),
    )


def _day(moment: datetime.datetime) -> str:
    midnight = moment.time() == datetime.time()
    return moment.date().isoformat() if midnight else moment.isoformat(sep=" ", timespec="minutes")


def _noise(case: Case, days: Floats, deviations: Floats) -> float | None:
    """Stated repeatability, or from the differences of successive days: a drift is then no noise."""
    if case.has("reading_u_percent"):
        return case.number("reading_u_percent")
    if len(deviations) < LEAST_FOR_NOISE:
        return None
    steps = np.diff(deviations[np.argsort(days, kind="stable")])
    return math.sqrt(float((steps**2).mean()) / 2)


def _drift(case: Case, days: Floats, deviations: Floats) -> tuple[tuple[Measurement, ...], tuple[Remark, ...]]:
    if len(days) < LEAST_FOR_DRIFT or float(np.ptp(days)) <= 0:
        return (), ()
    years = days / 365.25
    slope, offset = np.polyfit(years, deviations, 1)
    rest = deviations - offset - slope * years
    u = math.sqrt(float((rest**2).sum()) / (len(days) - 2) / float(((years - years.mean()) ** 2).sum()))
    drift = DRIFT.of(float(slope), u, **case.where())
    if abs(slope) <= 2 * u:
        return (drift,), ()
    told = remark(
        "drift",
        en=f"the readings drift by {slope:+.2f} ± {2 * u:.2f} % per year",
        zh=f"示值存在漂移：每年 {slope:+.2f} ± {2 * u:.2f} %",
    )
    return (drift,), (told,)


def _chart(title: Words, days: tuple[float, ...], points: tuple[Measurement, ...]) -> Chart:
    return Chart(
        title=title,
        x=Axis(label=Words("days after the baseline", "距基线天数")),
        y=Axis(label=CONSTANCY.words, unit="%"),
        marks=(Points(x=days, measurements=points), Line(x=np.array([min(days), max(days)]), y=np.zeros(2))),
        group="constancy",
    )

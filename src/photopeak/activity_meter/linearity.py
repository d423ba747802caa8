"""Linearity of an activity meter: a decaying source, or calibrated attenuating shields round a constant one.

Decay: ln A is fitted with the slope fixed at the nuclide's decay constant, and each reading is compared with the fit. Shields: each
reading times its shield's factor is compared with their geometric mean. Without a stated repeatability, the noise of a reading is
estimated from the differences of neighbours, so that a smooth non-linearity is not taken for noise (von Neumann 1941).
"""

from __future__ import annotations

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
from photopeak.procedure import Condition, Result, procedure, remark
from photopeak.table import Table
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

LINEARITY = Quantity(name="linearity", unit="%", en="linearity (largest deviation)", zh="线性（最大偏差）")
DEVIATION = Quantity(name="linearity_deviation", unit="%", en="deviation from linearity", zh="线性偏差", judged=False)
HALF_LIFE = Quantity(name="fitted_half_life", unit="h", en="half-life fitted to the readings", zh="拟合半衰期", judged=False)
LEAST_READINGS = 4
HOUR_S = 3600.0
OTHERS = {"identity_of", "baseline_at", "reference_at", "certified_at", "volume_ml", "position", "container"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Linearity(Result):
    """`deviations`: for each case its title, x (time in h, or the number of the shield) and the deviations."""

    deviations: tuple[tuple[Words, Words, tuple[float, ...], tuple[Measurement, ...]], ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(_chart(*one) for one in self.deviations)


def accepts(evidence: Evidence) -> Words | None:
    if isinstance(evidence.images, Table) and OTHERS & set(evidence.images.columns):
        return Words("its columns belong to another test", "所含列属于其他检测")
    return lacking(
        evidence,
        linearity,
        ("time_h", "readings_mbq"),
        ("time", "readings_mbq", "nuclide"),
        ("shield_factor", "readings_mbq"),
    )


@procedure(
    en="Activity meter linearity",
    zh="活度计线性",
    implements="IAEA TRS 454; decaying source or calibrated shields",
    kinds=("table",),
    quantities=(LINEARITY, DEVIATION, HALF_LIFE),
    accepts=accepts,
)
def linearity(
    evidence: Evidence,
    *,
    nuclide: Annotated[str | None, Words("nuclide", "核素"), Column(kind="text")] = None,
    time_h: Annotated[str | None, Words("times, h", "时间，h"), Column(kind="numbers", aliases=("t_h",), least=0)] = None,
    time: Annotated[
        str | None, Words("moments of the readings", "读数时刻"), Column(kind="times", aliases=("measured_at",))
    ] = None,
    readings_mbq: Annotated[
        str | None,
        Words("readings, MBq", "示值，MBq"),
        Column(kind="numbers", aliases=("reading_mbq", "activity_mbq", "mci", "mbq"), above=0),
    ] = None,
    shield_factor: Annotated[
        str | None, Words("factor of each shield", "各屏蔽筒衰减系数"), Column(kind="numbers", above=0)
    ] = None,
    half_life_h: Annotated[
        float | None, Words("half-life, h (else by nuclide)", "半衰期，h（缺省按核素）"), Column(above=0)
    ] = None,
    background_mbq: Annotated[float | None, Words("background reading, MBq", "本底示值，MBq"), Column()] = None,
    reading_u_percent: Annotated[
        float | None, Words("repeatability of one reading (k = 1), %", "单次示值重复性（k = 1），%"), Column(least=0)
    ] = None,
    nuclear_data: Annotated[NuclearData, DATA_WORDS] = "icrp107",
) -> Linearity:
    """Largest deviation from linearity over the range, the deviation of every reading, and the half-life of a free fit."""

    def measure(case: Case) -> Measured:
        return _of_shields(case) if case.has("shield_factor") else _of_decay(case, nuclear_data)

    done, remarks = measure_cases(evidence, linearity, declared(locals()), measure)
    conditions = dict.fromkeys(found.detail[1] for _, found in done if found.detail[1] is not None)
    return Linearity(
        measurements=all_measurements(done),
        remarks=remarks,
        conditions=tuple(conditions),
        deviations=tuple(found.detail[0] for _, found in done),
    )


def _of_decay(case: Case, data: NuclearData) -> Measured:
    decay = decay_of(case, data, half_life="half_life_h")
    readings = _readings(case)
    hours = _hours(case)
    if len(hours) != len(readings):
        raise _unequal(case, len(hours), len(readings))
    if len(set(hours)) < LEAST_READINGS:
        raise case.refused(
            "too_few_values",
            en=f"readings at {len(set(hours))} different times; a decay needs at least {LEAST_READINGS}",
            zh=f"仅有 {len(set(hours))} 个不同时刻的示值，衰变法至少需要 {LEAST_READINGS} 个。",
        )
    order = np.argsort(hours, kind="stable")
    line = np.log(readings) + decay.nuclide.decay_constant * HOUR_S * hours
    slope = np.polyfit(hours, np.log(readings), 1)[0]
    fitted = math.log(2) / -slope if slope < 0 else None
    u_slope = _noise(case, line[order]) / 100 / math.sqrt(float(((hours - hours.mean()) ** 2).sum()))
    extra = () if fitted is None else (HALF_LIFE.of(fitted, fitted * u_slope / -slope, **case.where()),)
    x = tuple(float(one) for one in hours)
    return _measured(case, line, order, extra, decay.condition(), x, Words("time, h", "时间，h"))


def _of_shields(case: Case) -> Measured:
    readings, factors = _readings(case), np.array(case.numbers("shield_factor"))
    if len(factors) != len(readings):
        raise _unequal(case, len(factors), len(readings))
    line = np.log(readings * factors)
    x = tuple(float(n) for n in range(1, len(readings) + 1))
    order = np.argsort(readings, kind="stable")
    return _measured(case, line, order, (), None, x, Words("shield", "屏蔽筒"))


def _measured(
    case: Case,
    line: Floats,
    order: npt.NDArray[np.intp],
    extra: tuple[Measurement, ...],
    condition: Condition | None,
    x: tuple[float, ...],
    x_words: Words,
) -> Measured:
    """`line`: logarithms that would all be equal on a linear meter; `order`: neighbours for the estimate of noise."""
    deviations = 100 * np.expm1(line - line.mean())
    noise = _noise(case, line[order])
    points = tuple(DEVIATION.of(float(one), noise, **case.where(reading=n)) for n, one in enumerate(deviations, 1))
    worst = int(np.argmax(np.abs(deviations)))
    remarks = (
        remark(
            "worst_reading",
            en=f"the largest deviation is {deviations[worst]:+.2f} % at reading {worst + 1} of {len(deviations)}",
            zh=f"最大偏差 {deviations[worst]:+.2f} %，出现在第 {worst + 1} 个示值（共 {len(deviations)} 个）",
        ),
    )
    title = Words("Deviation from linearity", "线性偏差")
    if case.label:
        title = Words(f"{title.en}: {case.label}", f"{title.zh}：{case.label}")
    largest = LINEARITY.of(abs(float(deviations[worst])), noise, **case.where())
    return Measured(measurements=(largest, *points, *extra), remarks=remarks, detail=((title, x_words, x, points), condition))


def _noise(case: Case, line: Floats) -> float:
    """Standard uncertainty of one reading in per cent: stated, or from the differences of neighbours."""
    if case.has("reading_u_percent"):
        return case.number("reading_u_percent")
    return 100 * math.sqrt(float((np.diff(line) ** 2).mean()) / 2)


def _readings(case: Case) -> Floats:
    readings = np.array(case.numbers("readings_mbq", least=LEAST_READINGS)) - float(case.get("background_mbq") or 0.0)
    if readings.min() <= 0:
        raise case.refused(
            "no_reading",
            en=f"a reading is not above the background ({readings.min():.3g} MBq net); leave it out",
            zh=f"有示值不高于本底（净值 {readings.min():.3g} MBq），请剔除。",
        )
    return readings


def _hours(case: Case) -> Floats:
    if case.has("time_h"):
        return np.array(case.numbers("time_h"))
    moments = case.times("time") if case.has("time") else None
    if moments is None:
        return np.array(case.numbers("time_h"))  # says what is missing
    first = min(moments)
    return np.array([seconds_between(first, one) / HOUR_S for one in moments])


def _unequal(case: Case, one: int, other: int) -> Exception:
    return case.refused(
        "unequal_series",
        en=f"{other} readings but {one} times or shield factors; every reading needs its own",
        zh=f"示值 {other} 个，而时间或屏蔽系数 {one} 个，二者须一一对应。",
    )


def _chart(title: Words, x_words: Words, x: tuple[float, ...], points: tuple[Measurement, ...]) -> Chart:
    span = np.array([min(x), max(x)])
    return Chart(
        title=title,
        x=Axis(label=x_words),
        y=Axis(label=DEVIATION.words, unit="%"),
        marks=(Points(x=x, measurements=points), Line(x=span, y=np.zeros(2))),
        group="linearity",
    )

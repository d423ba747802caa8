"""Sensitivity of a PET scanner from the rates of a line source in metal sleeves (NEMA NU 2-2018, sensitivity).

Rates of the line in 1 to n sleeves, corrected for decay to the moment of the activity, fall exponentially with the metal: ln R is
fitted linearly in the number (or thickness) of sleeves, and the rate without metal, over the activity, is the sensitivity. A table
has a row a sleeve: sleeves (or sleeve_mm, the metal passed through), rate_cps, elapsed_min, activity_mbq; duration_s gives the
counting uncertainty, else it comes from the scatter about the line. `case` names the position (0 cm, 10 cm).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.cases import Case, Column, Measured, all_measurements, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.measurement import Quantity
from photopeak.nuclide import nuclide_named
from photopeak.pet.published_figures import published_for
from photopeak.procedure import Result, procedure, remark
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

SENSITIVITY = Quantity(name="sensitivity", unit="{counts}/s/kBq", en="sensitivity", zh="灵敏度")
ATTENUATION = Quantity(
    name="sleeve_attenuation", unit="%", en="attenuation by one sleeve (or mm)", zh="每层套管（或每 mm）衰减", judged=False
)
FEWEST = 3
CHANCE = 3.0  #: chi-square per degree of freedom above which the line does not describe the rates
PUBLISHED = {"sensitivity_cps_kbq": Words("sensitivity, cps/kBq", "灵敏度，cps/kBq")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity(Result):
    """`lines`: for each case its title, sleeves, rates over the activity and the fitted ones, cps/kBq."""

    lines: tuple[tuple[Words, Floats, Floats, Floats], ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(
            Chart(
                title=title,
                x=Axis(label=Words("sleeves", "套管数"), low=0.0),
                y=Axis(label=Words("rate over activity", "计数率与活度之比"), unit="cps/kBq", log=True),
                marks=(
                    Line(x=x, y=measured, label=Words("measured", "测得")),
                    Line(x=np.append(0.0, x), y=fitted, label=Words("fitted", "拟合")),
                ),
            )
            for title, x, measured, fitted in self.lines
        )


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, sensitivity, ("sleeves", "rate_cps"), ("sleeve_mm", "rate_cps"))


@procedure(
    en="PET sensitivity",
    zh="PET 灵敏度",
    implements="NEMA NU 2-2018, sensitivity",
    kinds=("table",),
    quantities=(SENSITIVITY, ATTENUATION),
    accepts=accepts,
)
def sensitivity(
    evidence: Evidence,
    *,
    sleeves: Annotated[str | None, Words("number of sleeves", "套管数"), Column(kind="numbers", least=0)] = None,
    sleeve_mm: Annotated[
        str | None, Words("metal passed through, mm", "穿过的金属厚度，mm"), Column(kind="numbers", least=0)
    ] = None,
    rate_cps: Annotated[
        str | None, Words("rate of true coincidences, cps", "真符合计数率，cps"), Column(kind="numbers", above=0)
    ] = None,
    elapsed_min: Annotated[
        str | None, Words("minutes since the activity was assayed", "距活度测定的时间，min"), Column(kind="numbers")
    ] = None,
    duration_s: Annotated[str | None, Words("counting time, s", "计数时间，s"), Column(kind="numbers", above=0)] = None,
    activity_mbq: Annotated[float | None, Words("activity of the line, MBq", "线源活度，MBq"), Column(above=0)] = None,
    nuclide: Annotated[str | None, Words("nuclide", "核素"), Column(kind="text")] = "F-18",
    model: Annotated[str | None, Words("scanner model", "设备型号"), Column(kind="text")] = None,
) -> Sensitivity:
    """Sensitivity without metal, cps/kBq, at each position."""
    done, remarks = measure_cases(evidence, sensitivity, declared(locals()), _measure)
    return Sensitivity(
        measurements=all_measurements(done),
        remarks=remarks,
        conditions=tuple(published_for([case for case, _ in done], evidence, PUBLISHED)),
        lines=tuple(found.detail for _, found in done),
    )


def _measure(case: Case) -> Measured:
    name = "sleeve_mm" if case.has("sleeve_mm") else "sleeves"
    metal = np.array(case.numbers(name, least=FEWEST))
    rates = np.array(case.numbers("rate_cps", least=FEWEST)) * _decay(case, len(metal))
    activity_kbq = 1000 * case.number("activity_mbq")
    if len(rates) != len(metal) or len(set(metal)) < FEWEST:
        raise case.refused(
            "too_few_values",
            en=f"{len(rates)} rates at {len(set(metal))} thicknesses; a rate for each of at least {FEWEST} is needed",
            zh=f"计数率 {len(rates)} 个，厚度 {len(set(metal))} 种；至少需要 {FEWEST} 种厚度，且各有一个计数率。",
        )
    relative_u = _counting_u(case, rates)
    matrix = np.stack([np.ones_like(metal), metal], axis=1)
    weight = np.ones_like(metal) if relative_u is None else 1 / relative_u
    solved, *_ = np.linalg.lstsq(matrix * weight[:, None], np.log(rates) * weight, rcond=None)
    left = (np.log(rates) - matrix @ solved) * weight
    freedom = len(metal) - 2
    misfit = float(left @ left) / freedom
    covariance = np.linalg.inv((matrix * weight[:, None]).T @ (matrix * weight[:, None]))
    scale = misfit if relative_u is None else max(1.0, misfit if misfit > CHANCE else 1.0)
    u_log = math.sqrt(scale * float(covariance[0, 0]))
    activity_u = case.uncertainties.get("activity_mbq", 0.0) / case.number("activity_mbq")
    value = math.exp(solved[0]) / activity_kbq
    place: dict[str, Any] = {"position": case.label} if case.label else {}
    notes = []
    if relative_u is not None and misfit > CHANCE:
        notes.append(
            remark(
                "rates_off_the_line",
                en=f"The rates scatter about the line by {math.sqrt(misfit):.1f} times their counting uncertainty; was one sleeve "
                "misplaced, or a time wrong?",
                zh=f"各计数率偏离直线达计数不确定度的 {math.sqrt(misfit):.1f} 倍，请检查套管位置和时间记录。",
            )
        )
    fitted = np.exp(solved[0] + solved[1] * np.append(0.0, metal)) / activity_kbq
    title = Words(f"Sensitivity {case.label or ''}".strip(), f"灵敏度 {case.label or ''}".strip())
    return Measured(
        measurements=(
            SENSITIVITY.of(value, value * math.hypot(u_log, activity_u), **place),
            ATTENUATION.of(-100 * math.expm1(solved[1]), **place),
        ),
        remarks=tuple(notes),
        detail=(title, metal, rates / activity_kbq, fitted),
    )


def _decay(case: Case, count: int) -> Floats:
    """Factors that carry each rate back to the moment of the activity."""
    if not case.has("elapsed_min"):
        return np.ones(count)
    elapsed = np.array(case.numbers("elapsed_min"))
    known = nuclide_named(case.get("nuclide")) or nuclide_named(case.get("nuclide"), "icrp107")
    if known is None or len(elapsed) != count:
        raise case.refused(
            "input_missing",
            en="decay needs a known nuclide and a time for every rate",
            zh="衰变校正需要可识别的核素以及每个计数率的时间",
        )
    found: Floats = np.exp(known.decay_constant * 60 * elapsed)
    return found


def _counting_u(case: Case, rates: Floats) -> Floats | None:
    """Relative standard uncertainty of each rate by its counts."""
    if not case.has("duration_s"):
        return None
    seconds = np.array(case.numbers("duration_s"))
    seconds = np.broadcast_to(seconds, rates.shape) if seconds.size == 1 else seconds
    if seconds.shape != rates.shape:
        raise case.refused("too_few_values", en="a counting time is needed for every rate", zh="每个计数率都需要计数时间")
    found: Floats = 1 / np.sqrt(np.array(case.numbers("rate_cps")) * seconds)
    return found

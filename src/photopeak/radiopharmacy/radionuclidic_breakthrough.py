"""Breakthrough of a generator's long-lived parent into its eluate, and until when the eluate may be used.

99Mo/99mTc and 82Sr, 85Sr/82Rb in kBq per MBq; 68Ge/68Ga in per cent, from a reading long enough after elution that what is left to be
read is 68Ge in equilibrium with 68Ga. The ratio grows because the daughter decays first: it is followed by the decay chain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.half_life import DATA_WORDS, Decay
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import NuclearData, Nuclide, grown, icrp107, nuclide_named
from photopeak.procedure import Refused, Result, procedure
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

MO99 = Quantity(name="mo99_breakthrough", unit="kBq/MBq", en="99Mo per 99mTc", zh="99Mo/99mTc 活度比")
SR82 = Quantity(name="sr82_breakthrough", unit="kBq/MBq", en="82Sr per 82Rb", zh="82Sr/82Rb 活度比")
SR85 = Quantity(name="sr85_breakthrough", unit="kBq/MBq", en="85Sr per 82Rb", zh="85Sr/82Rb 活度比")
GE68 = Quantity(name="ge68_breakthrough", unit="%", en="68Ge in the eluate", zh="68Ge 漏穿率")
GE68_ACTIVITY = Quantity(
    name="ge68_activity", unit="Bq", en="68Ge at the time of elution", zh="洗脱时刻 68Ge 活度", judged=False
)
EXPIRY = Quantity(
    name="expiry_time", unit="h", en="time after elution until the limit is reached", zh="洗脱后达到限值的时间", judged=False
)
HOUR_S = 3600.0
LEFT_OVER = 0.01  # share of the long-lived reading that 68Ga of the elution itself may make up
HOURS_DRAWN = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RadionuclidicBreakthrough(Result):
    """`courses`: title, hours and ratio where the ratio was followed over time."""

    courses: tuple[tuple[Words, str, Floats, Floats], ...]

    def figures(self) -> tuple[Figure, ...]:
        names = ("mo99_breakthrough", "sr82_breakthrough", "sr85_breakthrough", "ge68_breakthrough")
        return (*charts_of(self.measurements, *names), *(_chart(*one) for one in self.courses))


def accepts(evidence: Evidence) -> Words | None:
    ways = (("mo99_mbq", "tc99m_mbq"), ("eluate_mbq", "ge68_reading_bq"), ("sr82_kbq", "rb82_mbq"), ("strontium_reading_kbq",))
    return lacking(evidence, radionuclidic_breakthrough, *ways, ("initial_ratio_kbq_per_mbq",))


@procedure(
    en="Radionuclidic breakthrough",
    zh="放射性核素漏穿（核素纯度）",
    implements="10 CFR 35.204; Ph. Eur. gallium (68Ga) chloride",
    kinds=("table",),
    quantities=(MO99, SR82, SR85, GE68, GE68_ACTIVITY, EXPIRY),
    accepts=accepts,
)
def radionuclidic_breakthrough(
    evidence: Evidence,
    *,
    mo99_mbq: Annotated[float | None, Words("99Mo at elution, MBq", "洗脱时 99Mo 活度，MBq"), Column(least=0)] = None,
    tc99m_mbq: Annotated[float | None, Words("99mTc at elution, MBq", "洗脱时 99mTc 活度，MBq"), Column(above=0)] = None,
    hours: Annotated[
        float | None,
        Words("hours after elution (at administration)", "洗脱后小时数（给药时刻）"),
        Column(aliases=("hours_after_elution", "after_h"), least=0),
    ] = None,
    initial_ratio_kbq_per_mbq: Annotated[
        float | None, Words("ratio at elution, kBq/MBq", "洗脱时活度比，kBq/MBq"), Column(aliases=("r0", "ratio"), least=0)
    ] = None,
    limit_kbq_per_mbq: Annotated[
        float | None,
        Words("limit that the expiry is asked for, kBq/MBq", "用于求失效时间的限值，kBq/MBq"),
        Column(aliases=("limit",), above=0),
    ] = None,
    eluate_mbq: Annotated[
        float | None, Words("68Ga eluted, MBq", "洗脱 68Ga 活度，MBq"), Column(aliases=("ga68_mbq",), above=0)
    ] = None,
    ge68_reading_bq: Annotated[
        float | None,
        Words("net reading long after elution, Bq", "放置后净读数，Bq"),
        Column(aliases=("net_reading_bq", "net_reading_bq_at_48h"), least=0),
    ] = None,
    delay_h: Annotated[
        float | None, Words("hours from elution to that reading", "洗脱至该读数的小时数"), Column(least=0)
    ] = None,
    sr82_kbq: Annotated[float | None, Words("82Sr, kBq", "82Sr 活度，kBq"), Column(least=0)] = None,
    sr85_kbq: Annotated[float | None, Words("85Sr, kBq", "85Sr 活度，kBq"), Column(least=0)] = None,
    rb82_mbq: Annotated[
        float | None, Words("82Rb at the end of elution, MBq", "洗脱结束时 82Rb 活度，MBq"), Column(above=0)
    ] = None,
    strontium_reading_kbq: Annotated[
        float | None, Words("reading after 82Rb has decayed, kBq", "82Rb 衰变后读数，kBq"), Column(least=0)
    ] = None,
    sr85_to_sr82: Annotated[
        float | None, Words("ratio 85Sr/82Sr of the generator on the day", "当日发生器 85Sr/82Sr 比"), Column(least=0)
    ] = None,
    sr85_response: Annotated[
        float | None, Words("response of the meter to 85Sr relative to 82Sr", "活度计对 85Sr 相对 82Sr 的响应"), Column(least=0)
    ] = None,
    nuclear_data: Annotated[NuclearData, DATA_WORDS] = "icrp107",
) -> RadionuclidicBreakthrough:
    """Breakthrough at elution or `hours` after it, and the time until a given limit is reached."""

    def measure(case: Case) -> Measured:
        return _one(case, nuclear_data)

    done, remarks = measure_cases(evidence, radionuclidic_breakthrough, declared(locals()), measure)
    return RadionuclidicBreakthrough(
        measurements=all_measurements(done),
        remarks=remarks,
        conditions=tuple(dict.fromkeys(one for _, found in done for one in found.detail[0])),
        courses=tuple(one for _, found in done for one in found.detail[1]),
    )


def _one(case: Case, data: NuclearData) -> Measured:
    if case.has("rb82_mbq"):
        return Measured(measurements=_rubidium(case), detail=((), ()))
    if case.has("ge68_reading_bq") or case.has("eluate_mbq"):
        return _gallium(case, data)
    return _technetium(case, data)


def _nuclide(name: str, data: NuclearData) -> Nuclide:
    """DDEP values ship for the daughters only; the parents' are those of ICRP 107, and the conditions say so."""
    return nuclide_named(name, data) or icrp107()[name]


def _technetium(case: Case, data: NuclearData) -> Measured:
    mo, tc = _nuclide("Mo-99", data), _nuclide("Tc-99m", data)
    conditions = tuple(Decay(nuclide=one).condition() for one in (mo, tc))
    start: Callable[..., float] = _ratio
    names: tuple[str, ...] = ("mo99_mbq", "tc99m_mbq")
    if case.has("initial_ratio_kbq_per_mbq"):
        start, names = _given_ratio, ("initial_ratio_kbq_per_mbq",)
    hours = float(case.get("hours") or 0.0)
    value, u = case.linear(lambda **inputs: _after(start(**inputs), mo, tc, hours), *names)
    measurements = [MO99.of(value, u, **case.where(nuclide=mo.name, hours=hours))]
    initial = start(**{name: case.number(name) for name in names})
    if case.has("limit_kbq_per_mbq"):
        measurements.append(EXPIRY.of(_expiry(case, initial, mo, tc), **case.where()))
    return Measured(measurements=tuple(measurements), detail=(conditions, (_course(case, initial, mo, tc),)))


def _ratio(*, mo99_mbq: float, tc99m_mbq: float) -> float:
    return 1000 * mo99_mbq / tc99m_mbq


def _given_ratio(*, initial_ratio_kbq_per_mbq: float) -> float:
    return initial_ratio_kbq_per_mbq


def _after(ratio: float, mo: Nuclide, tc: Nuclide, hours: float) -> float:
    """kBq of 99Mo per MBq of 99mTc `hours` later, the 99mTc that grows from the 99Mo included."""
    seconds, molybdenum = hours * HOUR_S, ratio / 1000
    technetium = grown(mo, tc, seconds, parent_activity=molybdenum, daughter_activity=1.0)
    return 1000 * molybdenum * mo.share_left(seconds) / technetium


def _expiry(case: Case, initial: float, mo: Nuclide, tc: Nuclide) -> float:
    limit = case.number("limit_kbq_per_mbq")
    if initial >= limit:
        raise _expired(case, initial, limit)
    if initial <= 0:
        raise case.refused("no_expiry", en="no 99Mo was found: the limit is never reached", zh="未测得 99Mo，不会达到限值。")
    low, high = 0.0, math.log(limit / initial) / (tc.decay_constant - mo.decay_constant) / HOUR_S * 2 + 1
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _after(initial, mo, tc, middle) < limit else (low, middle)
    return (low + high) / 2


def _expired(case: Case, initial: float, limit: float) -> Refused:
    return case.refused(
        "over_limit_at_elution",
        en=f"the ratio at elution, {initial:.4g} kBq/MBq, is not below the limit of {limit:.4g}: there is no time of use",
        zh=f"洗脱时活度比 {initial:.4g} kBq/MBq 已不低于限值 {limit:.4g}，无可用时间。",
    )


def _gallium(case: Case, data: NuclearData) -> Measured:
    ge, ga = _nuclide("Ge-68", data), _nuclide("Ga-68", data)
    delay = case.number("delay_h") * HOUR_S
    reading, eluate_bq = case.number("ge68_reading_bq"), case.number("eluate_mbq") * 1e6
    left = eluate_bq * ga.share_left(delay)
    if left > LEFT_OVER * reading:
        raise case.refused(
            "too_early",
            en=f"{case.number('delay_h'):g} h after elution {left:.3g} Bq of the eluted 68Ga are still there, beside a reading of "
            f"{reading:.3g} Bq; wait at least 48 h",
            zh=f"洗脱后 {case.number('delay_h'):g} h 仍残留洗脱 68Ga {left:.3g} Bq（读数 {reading:.3g} Bq），请至少放置 48 h 后测量。",
        )
    hours = float(case.get("hours") or 0.0)

    def germanium(ge68_reading_bq: float) -> float:
        return ge68_reading_bq * ge.share_left(-delay)

    def percent(ge68_reading_bq: float, eluate_mbq: float) -> float:
        parent = germanium(ge68_reading_bq)
        gallium = grown(ge, ga, hours * HOUR_S, parent_activity=parent, daughter_activity=eluate_mbq * 1e6)
        return 100 * parent * ge.share_left(hours * HOUR_S) / gallium

    value, u = case.linear(percent, "ge68_reading_bq", "eluate_mbq")
    activity, u_activity = case.linear(germanium, "ge68_reading_bq")
    measurements = (
        GE68.of(value, u, **case.where(nuclide=ge.name, hours=hours)),
        GE68_ACTIVITY.of(activity, u_activity, **case.where()),
    )
    conditions = tuple(Decay(nuclide=one).condition() for one in (ge, ga))
    return Measured(measurements=measurements, detail=(conditions, ()))


def _rubidium(case: Case) -> tuple[Measurement, ...]:
    """Ratios at the end of elution: from separate activities, or from one reading of both strontiums together."""
    if case.has("strontium_reading_kbq"):
        names = ("strontium_reading_kbq", "sr85_to_sr82", "sr85_response", "rb82_mbq")
        both = case.linear(_sr82_of_reading, *names)
        other = case.linear(lambda **inputs: inputs["sr85_to_sr82"] * _sr82_of_reading(**inputs), *names)
        return SR82.of(*both, **case.where()), SR85.of(*other, **case.where())
    found = []
    pairs: tuple[tuple[Quantity, str], ...] = ((SR82, "sr82_kbq"), (SR85, "sr85_kbq"))
    for quantity, name in pairs:
        if case.has(name):
            found.append(quantity.of(*case.linear(_quotient_of(name), name, "rb82_mbq"), **case.where()))
    if not found:
        case.number("sr82_kbq")  # says what is missing
    return tuple(found)


def _quotient_of(name: str) -> Callable[..., float]:
    def quotient(**inputs: float) -> float:
        return inputs[name] / inputs["rb82_mbq"]

    return quotient


def _sr82_of_reading(*, strontium_reading_kbq: float, sr85_to_sr82: float, sr85_response: float, rb82_mbq: float) -> float:
    return strontium_reading_kbq / (1 + sr85_to_sr82 * sr85_response) / rb82_mbq


def _course(case: Case, initial: float, mo: Nuclide, tc: Nuclide) -> tuple[Words, str, Floats, Floats]:
    hours = np.linspace(0.0, HOURS_DRAWN, 97)
    title = Words("99Mo per 99mTc after elution", "洗脱后 99Mo/99mTc 活度比")
    if case.label:
        title = Words(f"{title.en}: {case.label}", f"{title.zh}：{case.label}")
    return title, MO99.unit, hours, np.array([_after(initial, mo, tc, float(one)) for one in hours])


def _chart(title: Words, unit: str, hours: Floats, ratio: Floats) -> Chart:
    return Chart(
        title=title,
        x=Axis(label=Words("time after elution", "洗脱后时间"), unit="h", low=0.0),
        y=Axis(label=MO99.words, unit=unit, low=0.0),
        marks=(Line(x=hours, y=ratio),),
        group="breakthrough",
    )

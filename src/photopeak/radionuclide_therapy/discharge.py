"""Discharge after 131I: by body activity or by dose rate, either of which suffices, and until when contacts are restricted.

t = T_eff log2(A0 / limit). The discharge ratio is the smaller of activity / its limit and dose rate / its limit: at most 1 means that one
of the two is met. A contact (hours a day at a distance) stays restricted until what it would still receive is below its constraint:
dose = rate at 1 m x distance^-2 x hours / 24 x T_eff / ln 2. Patterns and constraints are the user's; none ships.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Result, procedure
from photopeak.radionuclide_therapy.reference_values import reference_values
from photopeak.table import Table
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

TIME = Quantity(
    name="time_to_discharge_limit",
    unit="h",
    en="time until the discharge limit is reached",
    zh="降至出院限值所需时间",
    judged=False,
)
RATIO = Quantity(
    name="discharge_ratio",
    unit="1",
    en="activity or dose rate at discharge against its limit (the smaller)",
    zh="出院时活度或剂量率与其限值之比（取小者）",
)
RESTRICTION = Quantity(name="restriction_time", unit="d", en="time until the contact is free", zh="接触限制时间", judged=False)
DAY_H = 24.0
LEGS = {"activity": ("discharge_activity_mbq", "limit_mbq"), "dose rate": ("discharge_dose_rate_usv_h", "limit_usv_h")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Discharge(Result):
    """`courses`: for each case its title, hours and body activity in MBq."""

    courses: tuple[tuple[Words, Floats, Floats, float], ...]

    def figures(self) -> tuple[Figure, ...]:
        return (*charts_of(self.measurements, "discharge_ratio"), *(_chart(*one) for one in self.courses))


def accepts(evidence: Evidence) -> Words | None:
    if isinstance(evidence.images, Table) and {"tsh", "tsh_miu_l"} & set(evidence.images.columns):
        return Words("a table of case records; the record audit takes it", "病历记录表，由病历核查处理")
    return lacking(
        evidence,
        discharge,
        ("administered_mbq", "effective_half_life_h"),
        ("dose_rate_usv_h", "effective_half_life_h"),
        ("discharge_activity_mbq",),
        ("discharge_dose_rate_usv_h",),
        ("dose_rate_usv_h", "contact"),
    )


@procedure(
    en="Discharge after 131I",
    zh="131I 治疗后出院",
    implements="GBZ 120-2020, 7.2.1 (provisional)",
    kinds=("table",),
    quantities=(TIME, RATIO, RESTRICTION),
    accepts=accepts,
)
def discharge(
    evidence: Evidence,
    *,
    administered_mbq: Annotated[
        float | None, Words("administered activity, MBq", "给药活度，MBq"), Column(aliases=("a0_mbq",), above=0)
    ] = None,
    effective_half_life_h: Annotated[
        float | None, Words("effective half-life, h", "有效半衰期，h"), Column(aliases=("teff_h",), above=0)
    ] = None,
    limit_mbq: Annotated[
        float | None, Words("limit of body activity, MBq (else GBZ 120)", "体内活度限值，MBq（缺省 GBZ 120）"), Column(above=0)
    ] = None,
    limit_usv_h: Annotated[
        float | None,
        Words("limit of dose rate at 1 m, µSv/h (else GBZ 120)", "1 m 处剂量率限值，µSv/h（缺省 GBZ 120）"),
        Column(above=0),
    ] = None,
    discharge_activity_mbq: Annotated[
        float | None, Words("body activity at discharge, MBq", "出院时体内活度，MBq"), Column(least=0)
    ] = None,
    discharge_dose_rate_usv_h: Annotated[
        float | None, Words("dose rate at 1 m at discharge, µSv/h", "出院时 1 m 处剂量率，µSv/h"), Column(least=0)
    ] = None,
    dose_rate_usv_h: Annotated[
        float | None,
        Words("dose rate at 1 m when the contacts begin, µSv/h", "接触开始时 1 m 处剂量率，µSv/h"),
        Column(aliases=("initial_dose_rate_usv_h", "rate0_usv_h", "dose_rate0_usv_h"), above=0),
    ] = None,
    contact: Annotated[str | None, Words("contacts", "接触人群"), Column(kind="texts")] = None,
    contact_h_per_day: Annotated[
        str | None, Words("hours a day", "每日接触小时数"), Column(kind="numbers", above=0, most=24)
    ] = None,
    contact_distance_m: Annotated[str | None, Words("distances, m", "距离，m"), Column(kind="numbers", above=0)] = None,
    contact_constraint_msv: Annotated[
        str | None, Words("dose constraints, mSv", "剂量约束，mSv"), Column(kind="numbers", above=0)
    ] = None,
) -> Discharge:
    """Time until the limit, the discharge ratio of what was recorded, and how long each contact is restricted."""
    done, remarks = measure_cases(evidence, discharge, declared(locals()), _one)
    used = reference_values("discharge")
    text = f"{used['activity_mbq']:g} MBq, {used['dose_rate_usv_h']:g} µSv/h"
    condition = Condition(
        label=Words("limits where the case gives none", "案例未给出时采用的限值"),
        value=Words(f"{text}, {used['source']}, provisional", f"{text}，{used['source']}，待核"),
    )
    return Discharge(
        measurements=all_measurements(done),
        remarks=remarks,
        conditions=(condition,),
        courses=tuple(found.detail for _, found in done if found.detail is not None),
    )


def discharge_ratio(case: Case) -> Measurement | None:
    """The leg with the smaller ratio, as a measurement; None where neither activity nor dose rate was recorded."""
    legs = []
    for leg, (name, _) in LEGS.items():
        if case.has(name):
            limit = _limit(case, leg)
            u = case.uncertainties.get(name)
            legs.append(RATIO.of(case.number(name) / limit, None if u is None else u / limit, **case.where(leg=leg)))
    return min(legs, key=lambda one: one.value) if legs else None


def _limit(case: Case, leg: str) -> float:
    own = case.get(LEGS[leg][1])
    used = reference_values("discharge")
    return float(own if own is not None else used["activity_mbq" if leg == "activity" else "dose_rate_usv_h"])


def _one(case: Case) -> Measured:
    measurements: list[Measurement] = []
    course = None
    if case.has("administered_mbq"):
        limit = _limit(case, "activity")

        def until(administered_mbq: float, effective_half_life_h: float) -> float:
            return effective_half_life_h * max(math.log2(administered_mbq / limit), 0.0)

        value, u = case.linear(until, "administered_mbq", "effective_half_life_h")
        measurements.append(TIME.of(value, u, **case.where(limit_mbq=limit)))
        course = _course(case, value, limit)
    if case.has("dose_rate_usv_h", "effective_half_life_h") and not case.has("contact"):
        measurements.append(_until_dose_rate(case))
    ratio = discharge_ratio(case)
    measurements += [ratio] if ratio is not None else []
    if case.has("contact"):
        measurements += _restrictions(case)
    if not measurements:
        case.number("administered_mbq")  # says what is missing
    return Measured(measurements=tuple(measurements), detail=course)


def _until_dose_rate(case: Case) -> Measurement:
    """Time until the dose rate at 1 m falls to its limit, with the effective half-life."""
    limit = _limit(case, "dose rate")

    def until(dose_rate_usv_h: float, effective_half_life_h: float) -> float:
        return effective_half_life_h * max(math.log2(dose_rate_usv_h / limit), 0.0)

    return TIME.of(
        *case.linear(until, "dose_rate_usv_h", "effective_half_life_h"), **case.where(leg="dose rate", limit_usv_h=limit)
    )


def _course(case: Case, until: float, limit: float) -> tuple[Words, Floats, Floats, float]:
    half_life, start = case.number("effective_half_life_h"), case.number("administered_mbq")
    hours = np.linspace(0.0, 1.4 * max(until, half_life), 100)
    title = Words("Activity in the body", "体内活度")
    if case.label:
        title = Words(f"{title.en}: {case.label}", f"{title.zh}：{case.label}")
    return title, hours, start * 2 ** (-hours / half_life), limit


def _restrictions(case: Case) -> list[Measurement]:
    names = tuple(case.get("contact"))
    columns = [case.numbers(one) for one in ("contact_h_per_day", "contact_distance_m", "contact_constraint_msv")]
    if any(len(column) != len(names) for column in columns):
        raise case.refused(
            "unequal_series",
            en="every contact needs its hours a day, its distance and its constraint",
            zh="每类接触人群都需要给出每日小时数、距离和剂量约束。",
        )
    found = []
    for name, hours, distance, constraint in zip(names, *columns):
        value, u = case.linear(
            lambda dose_rate_usv_h, effective_half_life_h, h=hours, d=distance, c=constraint: _restricted(
                dose_rate_usv_h, effective_half_life_h, h, d, c
            ),
            "dose_rate_usv_h",
            "effective_half_life_h",
        )
        found.append(RESTRICTION.of(value, u, **case.where(contact=name)))
    return found


def _restricted(rate_usv_h: float, half_life_h: float, hours: float, distance_m: float, constraint_msv: float) -> float:
    """Days until the dose still to come falls to the constraint."""
    to_come = rate_usv_h / 1000 / distance_m**2 * hours / DAY_H * half_life_h / math.log(2)
    return max(half_life_h * math.log2(to_come / constraint_msv), 0.0) / DAY_H


def _chart(title: Words, hours: Floats, activity: Floats, limit: float) -> Chart:
    return Chart(
        title=title,
        x=Axis(label=Words("time after administration", "给药后时间"), unit="h", low=0.0),
        y=Axis(label=Words("activity", "活度"), unit="MBq", log=True),
        marks=(
            Line(x=hours, y=activity, label=Words("in the body", "体内")),
            Line(x=np.array([0.0, float(hours.max())]), y=np.full(2, limit), label=Words("limit", "限值")),
        ),
        group="discharge",
    )

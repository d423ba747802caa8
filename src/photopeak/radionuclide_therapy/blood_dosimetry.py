"""Absorbed dose to the blood from 131I, and the activity that would reach the dose accepted for the bone marrow.

D/A = 108 τ_ml + 0.0188 τ_wb / w^(2/3), in Gy/GBq with residence times in h (EANM SOP, Lassmann 2008). From one whole-body retention R
at t: τ_wb = -t / ln R, τ_ml = 0.14 τ_wb / blood volume (Haenscheid 2009; its error joins the uncertainty). Nothing here prescribes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Result, procedure
from photopeak.radionuclide_therapy.reference_values import reference_values
from photopeak.words import Words

PER_ACTIVITY = Quantity(
    name="blood_dose_per_activity", unit="Gy/GBq", en="blood dose per activity", zh="单位活度血液吸收剂量", judged=False
)
CAP = Quantity(
    name="activity_for_blood_dose",
    unit="GBq",
    en="activity at which the blood dose is reached",
    zh="达到血液剂量的活度",
    judged=False,
)
RESIDENCE = Quantity(
    name="residence_time_whole_body", unit="h", en="residence time in the whole body", zh="全身滞留时间", judged=False
)
DOSE = Quantity(name="blood_dose", unit="Gy", en="absorbed dose to the blood", zh="血液吸收剂量")
MEAN_ABSOLUTE_TO_STANDARD = math.sqrt(math.pi / 2)  # of a normal error


@dataclass(frozen=True, slots=True, kw_only=True)
class BloodDosimetry(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "blood_dose", "blood_dose_per_activity", "activity_for_blood_dose")


def accepts(evidence: Evidence) -> Words | None:
    ways = (
        ("blood_residence_h", "whole_body_residence_h", "weight_kg"),
        ("retention_fraction", "retention_at_h", "blood_volume_ml"),
    )
    return lacking(evidence, blood_dosimetry, *ways)


@procedure(
    en="Blood dosimetry of 131I",
    zh="131I 血液剂量学",
    implements="EANM SOP, pre-therapeutic dosimetry I (2008); Haenscheid 2009",
    kinds=("table",),
    quantities=(PER_ACTIVITY, CAP, RESIDENCE, DOSE),
    accepts=accepts,
)
def blood_dosimetry(
    evidence: Evidence,
    *,
    blood_residence_h: Annotated[
        float | None,
        Words("residence time in 1 mL of blood, h", "每 mL 血液滞留时间，h"),
        Column(aliases=("tau_ml_h", "tau_mlblood_h"), least=0),
    ] = None,
    whole_body_residence_h: Annotated[
        float | None, Words("residence time in the whole body, h", "全身滞留时间，h"), Column(aliases=("tau_wb_h",), above=0)
    ] = None,
    weight_kg: Annotated[float | None, Words("weight, kg", "体重，kg"), Column(aliases=("wt_kg",), above=0)] = None,
    retention_fraction: Annotated[
        float | None, Words("whole-body retention (0 to 1)", "全身滞留率（0～1）"), Column(aliases=("retention",), above=0)
    ] = None,
    retention_at_h: Annotated[
        float | None, Words("time of that retention, h", "滞留率测量时间，h"), Column(aliases=("t_h", "time_h"), above=0)
    ] = None,
    blood_volume_ml: Annotated[
        float | None, Words("blood volume, mL", "血容量，mL"), Column(aliases=("blood_ml",), above=0)
    ] = None,
    activity_gbq: Annotated[
        float | None,
        Words("activity given or planned, GBq", "给药或计划活度，GBq"),
        Column(aliases=("administered_gbq",), above=0),
    ] = None,
) -> BloodDosimetry:
    """Blood dose per activity, the activity for the accepted dose, and the dose of a given activity."""
    done, remarks = measure_cases(evidence, blood_dosimetry, declared(locals()), _one)
    used = reference_values("blood_dose")
    conditions = (
        Condition(
            label=Words("coefficients", "系数"),
            value=Words(
                f"{used['per_ml']:g} Gy mL/(GBq h), {used['per_body']:g} Gy kg^(2/3)/(GBq h), {used['source']}, provisional",
                f"{used['per_ml']:g} Gy·mL/(GBq·h)，{used['per_body']:g} Gy·kg^(2/3)/(GBq·h)，{used['source']}，待核",
            ),
        ),
    )
    return BloodDosimetry(measurements=all_measurements(done), remarks=remarks, conditions=conditions)


def per_activity(*, blood_residence_h: float, whole_body_residence_h: float, weight_kg: float) -> float:
    """Gy of blood dose per GBq given."""
    used = reference_values("blood_dose")
    body: float = used["per_body"] * whole_body_residence_h / weight_kg ** (2 / 3)
    return float(used["per_ml"]) * blood_residence_h + body


def per_activity_once(*, retention_fraction: float, retention_at_h: float, blood_volume_ml: float, weight_kg: float) -> float:
    """Gy of blood dose per GBq given, from one retention."""
    body = -retention_at_h / math.log(retention_fraction)
    blood = reference_values("blood_dose")["blood_share"] * body / blood_volume_ml
    return per_activity(blood_residence_h=blood, whole_body_residence_h=body, weight_kg=weight_kg)


def _one(case: Case) -> Measured:
    limit = float(reference_values("blood_dose")["dose_gy"])
    measurements: list[Measurement] = []
    if case.has("blood_residence_h"):
        method = "residence times"
        value, u = case.linear(per_activity, "blood_residence_h", "whole_body_residence_h", "weight_kg")
    else:
        method = "single time point"
        if case.number("retention_fraction") >= 1:
            raise case.refused(
                "impossible_value",
                en=f"a retention of {case.number('retention_fraction'):g} at {case.number('retention_at_h'):g} h is no loss; give the "
                "share (0 to 1) or the column retention_percent",
                zh=f"{case.number('retention_at_h'):g} h 滞留率为 {case.number('retention_fraction'):g}，未见清除；"
                "请填写 0～1 的份额，或使用 retention_percent 列。",
            )
        names = ("retention_fraction", "retention_at_h", "blood_volume_ml", "weight_kg")
        value, u_inputs = case.linear(per_activity_once, *names)
        model = reference_values("blood_dose")["mean_absolute_error"] * MEAN_ABSOLUTE_TO_STANDARD
        u = math.hypot(u_inputs or 0.0, value * model)
        residence = case.linear(_residence, "retention_fraction", "retention_at_h")
        measurements.append(RESIDENCE.of(*residence, **case.where(method=method)))
    relative = None if u is None else u / value
    where = case.where(method=method)
    cap = limit / value
    measurements[:0] = [
        PER_ACTIVITY.of(value, u, **where),
        CAP.of(cap, None if relative is None else cap * relative, **where, dose_gy=limit),
    ]
    if case.has("activity_gbq"):
        dose = value * case.number("activity_gbq")
        extra = case.uncertainties.get("activity_gbq", 0.0) / case.number("activity_gbq")
        measurements.append(DOSE.of(dose, None if relative is None else dose * math.hypot(relative, extra), **where))
    return Measured(measurements=tuple(measurements))


def _residence(*, retention_fraction: float, retention_at_h: float) -> float:
    return -retention_at_h / math.log(retention_fraction)

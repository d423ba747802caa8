"""The activity that a formula gives for 131I therapy of hyperthyroidism, with the variant of the formula named, for audit.

A [MBq] = f m [g] D [Gy] / (U [%] T_eff [d]), f = 100 ln 2 / 2.808 (EANM SOP 2013) or 24.67 (EANM guideline 2010). What a hospital gave
is compared with what its stated formula gives; which activity is right for a patient is not said here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Quantity
from photopeak.procedure import Condition, Result, procedure
from photopeak.radionuclide_therapy.reference_values import reference_values
from photopeak.words import Words

Variant = Literal["sop_2013", "guideline_2010"]

ACTIVITY = Quantity(name="formula_activity", unit="MBq", en="activity by the formula", zh="公式活度", judged=False)
DIFFERENCE = Quantity(
    name="activity_difference", unit="%", en="given activity against the formula", zh="给药活度与公式活度之差"
)
DOSE = Quantity(
    name="formula_dose",
    unit="Gy",
    en="dose that the given activity amounts to by the formula",
    zh="按公式折算剂量",
    judged=False,
)
INPUTS = ("mass_g", "dose_gy", "uptake_percent", "effective_half_life_d")


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperthyroidismActivity(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "formula_activity", "activity_difference")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, hyperthyroidism_activity, INPUTS)


@procedure(
    en="Activity for hyperthyroidism by formula",
    zh="甲亢 131I 活度公式核查",
    implements="EANM SOP 2013 / EANM guideline 2010 (Marinelli)",
    kinds=("table",),
    quantities=(ACTIVITY, DIFFERENCE, DOSE),
    accepts=accepts,
)
def hyperthyroidism_activity(
    evidence: Evidence,
    *,
    mass_g: Annotated[float | None, Words("mass of the target, g", "靶组织质量，g"), Column(above=0)] = None,
    dose_gy: Annotated[float | None, Words("intended dose, Gy", "计划剂量，Gy"), Column(above=0)] = None,
    uptake_percent: Annotated[
        float | None,
        Words("uptake (maximum or extrapolated), %", "摄取率，%"),
        Column(aliases=("uptake_pct",), above=0, most=100),
    ] = None,
    effective_half_life_d: Annotated[
        float | None, Words("effective half-life, d", "有效半衰期，d"), Column(aliases=("teff_d",), above=0)
    ] = None,
    given_mbq: Annotated[
        float | None, Words("activity given, MBq", "给药活度，MBq"), Column(aliases=("administered_mbq",), above=0)
    ] = None,
    variant: Annotated[
        Variant, Words("variant of the formula: sop_2013 or guideline_2010", "公式版本：sop_2013 或 guideline_2010")
    ] = "sop_2013",
) -> HyperthyroidismActivity:
    """The activity by the formula in MBq; where an activity was given, its difference from it and the dose it amounts to."""

    def measure(case: Case) -> Measured:
        return _one(case, variant)

    done, remarks = measure_cases(evidence, hyperthyroidism_activity, declared(locals()), measure)
    source = str(reference_values("hyperthyroidism")[f"source_{variant}"])
    condition = Condition(
        label=Words("formula", "公式"), value=Words(f"Marinelli; {source}, provisional", f"Marinelli；{source}，待核")
    )
    return HyperthyroidismActivity(measurements=all_measurements(done), remarks=remarks, conditions=(condition,))


def _one(case: Case, variant: Variant) -> Measured:
    formula = _formula(variant)
    measurements = [ACTIVITY.of(*case.linear(formula, *INPUTS), **case.where(variant=variant))]
    if case.has("given_mbq"):

        def difference(given_mbq: float, **inputs: float) -> float:
            return 100 * (given_mbq / formula(**inputs) - 1)

        def dose(given_mbq: float, **inputs: float) -> float:
            return inputs["dose_gy"] * given_mbq / formula(**inputs)

        measurements.append(DIFFERENCE.of(*case.linear(difference, "given_mbq", *INPUTS), **case.where(variant=variant)))
        measurements.append(DOSE.of(*case.linear(dose, "given_mbq", *INPUTS), **case.where(variant=variant)))
    return Measured(measurements=tuple(measurements))


def _formula(variant: Variant) -> Callable[..., float]:
    used = reference_values("hyperthyroidism")
    factor = 100 * math.log(2) / float(used["gy_g_per_mbq_d"]) if variant == "sop_2013" else float(used["factor"])

    def activity(mass_g: float, dose_gy: float, uptake_percent: float, effective_half_life_d: float) -> float:
        return factor * mass_g * dose_gy / (uptake_percent * effective_half_life_d)

    return activity

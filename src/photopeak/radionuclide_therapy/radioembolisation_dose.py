"""Absorbed doses of a ⁹⁰Y radioembolisation that was given: a recomputation for audit, not a plan.

    lungs:                D_L = K A LSF / m_lung
    one compartment:      D   = K A (1 - LSF)(1 - R) / m_perfused                                   (MIRD, glass microspheres)
    partition:            D_N = K A (1 - LSF) / (m_normal + TNR m_tumour),  D_T = TNR D_N           (TNR: ratio of concentrations)

K is the dose of 1 GBq in 1 kg: 49.67, 49.77 and 50 Gy kg/GBq are all in use, so the one used is an input and stands with the result.
LSF is a share (0.05), not a percentage; R is the residual in the vial and lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Result, procedure
from photopeak.words import Words

DOSE = Quantity(name="absorbed_dose", unit="Gy", en="absorbed dose", zh="吸收剂量")
NEEDED = ("activity_gbq", "lung_shunt_fraction")


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioembolisationDose(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "absorbed_dose")


def accepts(evidence: Evidence) -> Words | None:
    masses = ("lung_mass_kg", "perfused_mass_kg", "tumour_mass_kg")
    return lacking(evidence, radioembolisation_dose, *((*NEEDED, mass) for mass in masses))


@procedure(
    en="Doses of a radioembolisation",
    zh="放射性栓塞治疗吸收剂量",
    implements="MIRD single compartment; partition model (Ho 1996); Kao 2013 (variants)",
    kinds=("table",),
    quantities=(DOSE,),
    accepts=accepts,
)
def radioembolisation_dose(
    evidence: Evidence,
    *,
    activity_gbq: Annotated[
        float | None, Words("activity given, GBq", "给药活度，GBq"), Column(aliases=("a_gbq",), above=0)
    ] = None,
    lung_shunt_fraction: Annotated[
        float | None, Words("lung shunt fraction, 0 to 1", "肺分流率，0～1"), Column(aliases=("lsf",), least=0, most=1)
    ] = None,
    residual: Annotated[
        float | None,
        Words("residual share in vial and lines, 0 to 1", "残留比例，0～1"),
        Column(aliases=("r",), least=0, most=1),
    ] = None,
    lung_mass_kg: Annotated[
        float | None, Words("mass of the lungs, kg", "肺质量，kg"), Column(aliases=("lung_kg",), above=0)
    ] = None,
    perfused_mass_kg: Annotated[
        float | None, Words("perfused mass, kg", "灌注区质量，kg"), Column(aliases=("mass_kg",), above=0)
    ] = None,
    tumour_mass_kg: Annotated[
        float | None, Words("mass of the tumour, kg", "肿瘤质量，kg"), Column(aliases=("m_tumour_kg",), above=0)
    ] = None,
    normal_mass_kg: Annotated[
        float | None, Words("mass of the normal liver, kg", "正常肝质量，kg"), Column(aliases=("m_normal_kg",), above=0)
    ] = None,
    tumour_to_normal_ratio: Annotated[
        float | None,
        Words("ratio of concentrations, tumour to normal liver", "肿瘤与正常肝浓度比"),
        Column(aliases=("tnr",), above=0),
    ] = None,
    dose_constant_gy_kg_per_gbq: Annotated[
        float | None,
        Words("dose of 1 GBq in 1 kg, Gy kg/GBq", "1 GBq 分布于 1 kg 的剂量，Gy·kg/GBq"),
        Column(aliases=("constant_gy_kg_per_gbq",), above=0),
    ] = 49.67,
) -> RadioembolisationDose:
    """Doses to lungs, perfused liver, tumour and normal liver, as far as their masses are given."""
    done, remarks = measure_cases(evidence, radioembolisation_dose, declared(locals()), _measure)
    conditions = dict.fromkeys(found.detail for _, found in done)
    return RadioembolisationDose(measurements=all_measurements(done), remarks=remarks, conditions=tuple(conditions))


def lung_dose(
    activity_gbq: float, lung_shunt_fraction: float, lung_mass_kg: float, dose_constant_gy_kg_per_gbq: float
) -> float:
    """Gy."""
    return dose_constant_gy_kg_per_gbq * activity_gbq * lung_shunt_fraction / lung_mass_kg


def compartment_dose(
    activity_gbq: float,
    lung_shunt_fraction: float,
    perfused_mass_kg: float,
    dose_constant_gy_kg_per_gbq: float,
    residual: float = 0.0,
) -> float:
    """Gy; one compartment that holds all activity but shunt and residual."""
    kept = (1 - lung_shunt_fraction) * (1 - residual)
    return dose_constant_gy_kg_per_gbq * activity_gbq * kept / perfused_mass_kg


def normal_dose(
    activity_gbq: float,
    lung_shunt_fraction: float,
    tumour_mass_kg: float,
    normal_mass_kg: float,
    tumour_to_normal_ratio: float,
    dose_constant_gy_kg_per_gbq: float,
    residual: float = 0.0,
) -> float:
    """Gy to the normal liver by the partition model."""
    kept = dose_constant_gy_kg_per_gbq * activity_gbq * (1 - lung_shunt_fraction) * (1 - residual)
    return kept / (normal_mass_kg + tumour_to_normal_ratio * tumour_mass_kg)


def tumour_dose(**inputs: float) -> float:
    """Gy to the tumour by the partition model."""
    return inputs["tumour_to_normal_ratio"] * normal_dose(**inputs)


COMMON = ("activity_gbq", "lung_shunt_fraction", "dose_constant_gy_kg_per_gbq")
PARTITION = (*COMMON, "tumour_mass_kg", "normal_mass_kg", "tumour_to_normal_ratio")


def _measure(case: Case) -> Measured:
    residual = ("residual",) if case.has("residual") else ()
    found: list[Measurement] = []

    def add(region: str, model: str, value: float, u: float | None) -> None:
        where: dict[str, Any] = case.where(region=region, model=model)
        found.append(DOSE.of(value, u, **where))

    if case.has("tumour_mass_kg"):
        add("tumour", "partition", *case.linear(tumour_dose, *PARTITION, *residual))
        add("normal_liver", "partition", *case.linear(normal_dose, *PARTITION, *residual))
    if case.has("perfused_mass_kg"):
        add("perfused", "single_compartment", *case.linear(compartment_dose, *COMMON, "perfused_mass_kg", *residual))
    if case.has("lung_mass_kg"):
        add("lungs", "lung_shunt", *case.linear(lung_dose, *COMMON, "lung_mass_kg"))
    if not found:
        raise case.refused(
            "mass_missing",
            en="no mass is given: lung_mass_kg, perfused_mass_kg, or tumour_mass_kg with normal_mass_kg and tumour_to_normal_ratio",
            zh="未给出质量：请填写 lung_mass_kg、perfused_mass_kg，或 tumour_mass_kg 连同 normal_mass_kg 和 tumour_to_normal_ratio。",
        )
    constant = f"{case.number('dose_constant_gy_kg_per_gbq'):g} Gy kg/GBq"
    used = Condition(label=Words("dose of 1 GBq in 1 kg", "1 GBq 分布于 1 kg 的剂量"), value=Words(constant, constant))
    return Measured(measurements=tuple(found), detail=used)

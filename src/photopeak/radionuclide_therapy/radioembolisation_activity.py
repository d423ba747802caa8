"""Activity that a stated formula asks for, recomputed for audit: which variant a hospital used, and how far the given activity is off.

    MIRD (glass):  A = D m / (K (1 - LSF)(1 - R))
    BSA (resin):   A = BSA - 0.2 + tumour share of the liver,  BSA = 0.20247 height^0.725 weight^0.425  (height in m, weight in kg)

The resin method lowers A in steps of the lung shunt. The steps are read from body_surface_area_reduction.toml and are provisional. This is
a check of arithmetic, not a prescription.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Remark, Result, procedure, remark
from photopeak.words import Words

ACTIVITY = Quantity(name="formula_activity", unit="GBq", en="activity by the formula", zh="公式活度")
SURFACE = Quantity(name="body_surface_area", unit="m2", en="body surface area", zh="体表面积", judged=False)
REDUCTION = Quantity(name="shunt_reduction", unit="%", en="reduction for lung shunt", zh="肺分流减量", judged=False)
DIFFERENCE = Quantity(
    name="activity_difference", unit="%", en="given activity against the formula", zh="给药活度与公式活度之差"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioembolisationActivity(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "formula_activity", "activity_difference")


MIRD = ("dose_gy", "perfused_mass_kg", "lung_shunt_fraction")
BSA = ("height_m", "weight_kg", "tumour_share")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, radioembolisation_activity, MIRD, BSA)


@cache
def reduction_steps() -> tuple[tuple[float, float | None], ...]:
    """(lung shunt above which it holds, reduction in %; None: no treatment), ascending."""
    text = (resources.files("photopeak.radionuclide_therapy") / "body_surface_area_reduction.toml").read_text("utf-8")
    return tuple((float(row["above"]), row.get("reduction_percent")) for row in tomllib.loads(text)["step"])


@procedure(
    en="Activity of a radioembolisation by formula",
    zh="放射性栓塞治疗公式活度",
    implements="MIRD single compartment; body surface area method (resin microspheres)",
    kinds=("table",),
    quantities=(ACTIVITY, SURFACE, REDUCTION, DIFFERENCE),
    accepts=accepts,
)
def radioembolisation_activity(
    evidence: Evidence,
    *,
    dose_gy: Annotated[float | None, Words("intended dose, Gy", "预期剂量，Gy"), Column(aliases=("d_gy",), above=0)] = None,
    perfused_mass_kg: Annotated[
        float | None, Words("perfused mass, kg", "灌注区质量，kg"), Column(aliases=("mass_kg",), above=0)
    ] = None,
    lung_shunt_fraction: Annotated[
        float | None, Words("lung shunt fraction, 0 to 1", "肺分流率，0～1"), Column(aliases=("lsf",), least=0, most=0.999)
    ] = None,
    residual: Annotated[
        float | None, Words("residual share, 0 to 1", "残留比例，0～1"), Column(aliases=("r",), least=0, most=0.999)
    ] = None,
    dose_constant_gy_kg_per_gbq: Annotated[
        float | None,
        Words("dose of 1 GBq in 1 kg, Gy kg/GBq", "1 GBq 分布于 1 kg 的剂量，Gy·kg/GBq"),
        Column(aliases=("constant_gy_kg_per_gbq",), above=0),
    ] = 49.67,
    height_m: Annotated[float | None, Words("height, m", "身高，m"), Column(above=0.3, most=2.6)] = None,
    weight_kg: Annotated[float | None, Words("weight, kg", "体重，kg"), Column(above=0, most=400)] = None,
    tumour_share: Annotated[
        float | None,
        Words("tumour share of the liver, 0 to 1", "肿瘤占肝体积比例，0～1"),
        Column(aliases=("tumour_frac",), least=0, most=1),
    ] = None,
    given_activity_gbq: Annotated[float | None, Words("activity given, GBq", "实际给药活度，GBq"), Column(above=0)] = None,
) -> RadioembolisationActivity:
    """The activity of each formula whose inputs are given; the difference of the given activity from it."""
    done, remarks = measure_cases(evidence, radioembolisation_activity, declared(locals()), _measure)
    return RadioembolisationActivity(measurements=all_measurements(done), remarks=remarks)


def single_compartment(
    dose_gy: float,
    perfused_mass_kg: float,
    lung_shunt_fraction: float,
    dose_constant_gy_kg_per_gbq: float,
    residual: float = 0.0,
) -> float:
    """GBq."""
    return dose_gy * perfused_mass_kg / (dose_constant_gy_kg_per_gbq * (1 - lung_shunt_fraction) * (1 - residual))


def body_surface_area(height_m: float, weight_kg: float) -> float:
    """m² (Du Bois, height in m)."""
    return float(0.20247 * height_m**0.725 * weight_kg**0.425)


def surface_activity(height_m: float, weight_kg: float, tumour_share: float) -> float:
    """GBq, before any reduction."""
    return body_surface_area(height_m, weight_kg) - 0.2 + tumour_share


def _measure(case: Case) -> Measured:
    found: list[Measurement] = []
    remarks: list[Remark] = []
    if case.has(*MIRD):
        residual = ("residual",) if case.has("residual") else ()
        value, u = case.linear(single_compartment, *MIRD, "dose_constant_gy_kg_per_gbq", *residual)
        found += _against_given(case, value, u, "mird_single_compartment")
    if case.has(*BSA):
        surface, told = _by_surface(case)
        found += surface
        remarks += told
    if not found:
        raise case.refused(
            "input_missing",
            en=f"neither formula has all its inputs: {', '.join(MIRD)} or {', '.join(BSA)}",
            zh=f"两种公式的输入均不完整：{'、'.join(MIRD)} 或 {'、'.join(BSA)}。",
        )
    return Measured(measurements=tuple(found), remarks=tuple(remarks))


def _by_surface(case: Case) -> tuple[list[Measurement], list[Remark]]:
    value, u = case.linear(surface_activity, *BSA)
    where: dict[str, Any] = case.where(variant="body_surface_area")
    found = [
        ACTIVITY.of(value, u, **where),
        SURFACE.of(body_surface_area(case.number("height_m"), case.number("weight_kg")), **where),
    ]
    if not case.has("lung_shunt_fraction"):
        return found, []
    shunt = case.number("lung_shunt_fraction")
    reached = [percent for above, percent in reduction_steps() if shunt > above]
    percent = reached[-1] if reached else 0.0
    if percent is None:
        told = remark(
            "shunt_excludes_method",
            en=f"lung shunt {100 * shunt:.1f} %: the method gives no activity (provisional step table)",
            zh=f"肺分流率 {100 * shunt:.1f}%：该方法不给出活度（分级表待核）",
        )
        return found, [told]
    share = 1 - percent / 100
    found.append(REDUCTION.of(percent, **where))
    found += _against_given(case, share * value, None if u is None else share * u, "body_surface_area_reduced")
    told = remark(
        "reduction_provisional",
        en=f"reduced by {percent:g} % for a lung shunt of {100 * shunt:.1f} %; the step table is provisional",
        zh=f"按肺分流率 {100 * shunt:.1f}% 减量 {percent:g}%；分级表待核",
    )
    return found, [told] if percent else []


def _against_given(case: Case, value: float, u: float | None, variant: str) -> list[Measurement]:
    where: dict[str, Any] = case.where(variant=variant)
    found = [ACTIVITY.of(value, u, **where)]
    if case.has("given_activity_gbq"):
        given = case.number("given_activity_gbq")
        relative = None if u is None else 100 * given / value * u / value
        found.append(DIFFERENCE.of(100 * (given / value - 1), relative, **where))
    return found

"""Lean body mass, and SUL from SUV: by a formula that is named, because the formulas part widely in obese patients.

Janmahasatian 2005 (recommended by the IBSI manual on SUV) beside James 1976 (what older software uses). A woman of 130 kg and 158 cm has 56 kg
by one and 39 kg by the other: her SUL differs by 44 %. SUL = SUV x lean body mass / weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Result, procedure, remark
from photopeak.suv.body_size import body_mass_kg
from photopeak.words import Words

MASS = Quantity(name="lean_body_mass", unit="kg", en="lean body mass", zh="去脂体重", judged=False)
SUL = Quantity(name="sul", unit="g/mL", en="SUL", zh="SUL（去脂体重标准摄取值）", judged=False)
FORMULAS = {"janmahasatian": "LBMJANMA", "james": "LBMJAMES128"}
SEXES = {"m": "M", "male": "M", "男": "M", "f": "F", "female": "F", "女": "F"}
APART = 0.10  #: relative difference of the formulas above which it is worth a word


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanBodyMass(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "lean_body_mass", "sul")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, lean_body_mass, ("sex", "weight_kg", "height_cm"))


@procedure(
    en="Lean body mass and SUL",
    zh="去脂体重与 SUL",
    implements="Janmahasatian 2005; James 1976",
    kinds=("table",),
    quantities=(MASS, SUL),
    accepts=accepts,
)
def lean_body_mass(
    evidence: Evidence,
    *,
    sex: Annotated[str | None, Words("sex", "性别"), Column(kind="text")] = None,
    weight_kg: Annotated[float | None, Words("weight, kg", "体重，kg"), Column(aliases=("weight",), above=1, most=400)] = None,
    height_cm: Annotated[float | None, Words("height, cm", "身高，cm"), Column(above=30, most=260)] = None,
    suv: Annotated[float | None, Words("SUV by body weight", "体重 SUV"), Column(least=0)] = None,
) -> LeanBodyMass:
    """Lean body mass of each case by both formulas, and SUL where an SUV is given."""
    done, remarks = measure_cases(evidence, lean_body_mass, declared(locals()), _measure)
    return LeanBodyMass(measurements=all_measurements(done), remarks=remarks)


def _measure(case: Case) -> Measured:
    sex = SEXES.get(case.text("sex").strip().lower())
    if sex is None:
        raise case.refused(
            "unknown_sex",
            en=f"{case.text('sex')!r} is not a sex that the formulas know; write M or F",
            zh=f"“{case.text('sex')}”不是公式可用的性别，请填写 M 或 F（男或女）。",
        )
    weight, height = case.number("weight_kg"), case.number("height_cm")
    masses = {name: body_mass_kg(kind, weight, height, sex) for name, kind in FORMULAS.items()}
    found: list[Measurement] = []
    for name, mass in masses.items():
        if mass <= 0:
            continue
        where: dict[str, Any] = case.where(formula=name)
        found.append(MASS.of(mass, **where))
        if case.has("suv"):
            u = case.uncertainties.get("suv")
            found.append(SUL.of(case.number("suv") * mass / weight, None if u is None else u * mass / weight, **where))
    apart = abs(masses["james"] / masses["janmahasatian"] - 1)
    remarks = []
    if apart > APART:
        remarks.append(
            remark(
                "formulas_differ",
                en=f"the formulas differ by {100 * apart:.0f} %: compare SUL only with values of the same formula",
                zh=f"两种公式相差 {100 * apart:.0f}%：SUL 只能与同一公式的结果比较",
            )
        )
    return Measured(measurements=tuple(found), remarks=tuple(remarks))

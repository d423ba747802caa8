"""OSTA, the osteoporosis self-assessment tool for Asians, and the one-minute test as it was answered: who is referred to DXA.

OSTA = 0.2 (weight in kg - age in years), not rounded and not truncated: truncation would put -4.6 among the medium risks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from photopeak.bone_density.reference_values import reference_values
from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Quantity
from photopeak.procedure import Remark, Result, procedure, remark
from photopeak.words import Words

OSTA = Quantity(name="osta", unit="1", en="OSTA index", zh="OSTA 指数", judged=False)
DIGITS = 9  # sums of decimal inputs that stand on a boundary stay on it
WOMEN = {"f", "female", "女", "女性", ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Osta(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "osta")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, osta, ("age_y", "weight_kg"))


@procedure(
    en="OSTA risk index",
    zh="OSTA 风险指数",
    implements="OSTA (Koh 2001)",
    kinds=("table",),
    quantities=(OSTA,),
    accepts=accepts,
)
def osta(
    evidence: Evidence,
    *,
    age_y: Annotated[float | None, Words("age, years", "年龄，岁"), Column(aliases=("age",), above=0, most=130)] = None,
    weight_kg: Annotated[float | None, Words("weight, kg", "体重，kg"), Column(aliases=("weight",), above=0)] = None,
    sex: Annotated[str | None, Words("sex", "性别"), Column(kind="text")] = None,
    one_minute_yes: Annotated[
        float | None, Words("answers 'yes' in the one-minute test", "一分钟测试题回答“是”的个数"), Column(least=0)
    ] = None,
) -> Osta:
    """The index and its risk (low, medium, high) in `where`."""
    done, remarks = measure_cases(evidence, osta, declared(locals()), _one)
    return Osta(measurements=all_measurements(done), remarks=remarks)


def _one(case: Case) -> Measured:
    used = reference_values()["osta"]

    def index(age_y: float, weight_kg: float) -> float:
        return round(float(used["per_unit"]) * (weight_kg - age_y), DIGITS)

    value, u = case.linear(index, "age_y", "weight_kg")
    risk = "low" if value > used["low_above"] else "high" if value < used["high_below"] else "medium"
    return Measured(measurements=(OSTA.of(value, u, **case.where(risk=risk)),), remarks=_told(case, risk))


def _told(case: Case, risk: str) -> tuple[Remark, ...]:
    place = f"{case.label}: " if case.label else ""
    told = []
    if str(case.get("sex") or "").strip().lower() not in WOMEN:
        told.append(
            remark(
                "not_a_woman",
                en=f"{place}OSTA was made for postmenopausal women",
                zh=f"{place}OSTA 适用于绝经后女性",
            )
        )
    if risk != "low" or (case.get("one_minute_yes") or 0) >= 1:
        told.append(
            remark(
                "refer_for_dxa",
                en=f"{place}on the indication list for DXA (OSTA not low, or the one-minute test positive; provisional)",
                zh=f"{place}符合骨密度检测指征（OSTA 非低风险或一分钟测试阳性；待核）",
            )
        )
    return tuple(told)

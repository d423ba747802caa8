"""Deauville score of a lesion from its uptake, the mediastinal blood pool and the liver, with what its uncertainty leaves open.

1: no uptake above background · 2: up to the blood pool · 3: up to the liver · 4: up to a multiple of the liver (2 by default; 3 is
in use too, so the multiple is an option) · 5: above it. On a boundary the lower score holds. A lesion 1 % above the liver is not simply a
4: where value ± 2u crosses a boundary both scores are named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Quantity
from photopeak.procedure import Result, procedure, remark
from photopeak.treatment_response.categories import COVERAGE, rule, rule_condition
from photopeak.words import Words

SCORE = Quantity(name="deauville_score", unit="1", en="Deauville score", zh="Deauville 评分")
RATIO = Quantity(name="target_to_liver", unit="1", en="target to liver", zh="病灶与肝摄取比", judged=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deauville(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "target_to_liver", "deauville_score")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, deauville, ("target_suv", "blood_pool_suv", "liver_suv"))


@procedure(
    en="Deauville score",
    zh="Deauville 评分",
    implements="Deauville five-point scale (Lugano 2014)",
    kinds=("table",),
    quantities=(SCORE, RATIO),
    accepts=accepts,
)
def deauville(
    evidence: Evidence,
    *,
    target_suv: Annotated[float | None, Words("uptake of the lesion", "病灶摄取"), Column(aliases=("target",), least=0)] = None,
    blood_pool_suv: Annotated[
        float | None, Words("uptake of the mediastinal blood pool", "纵隔血池摄取"), Column(aliases=("mbp",), above=0)
    ] = None,
    liver_suv: Annotated[float | None, Words("uptake of the liver", "肝摄取"), Column(aliases=("liver",), above=0)] = None,
    background_suv: Annotated[float | None, Words("background beside the lesion", "病灶旁本底"), Column(least=0)] = None,
    liver_multiple: Annotated[
        float | None, Words("multiple of the liver between 4 and 5", "4 分与 5 分之间的肝倍数"), Column(above=1)
    ] = None,
) -> Deauville:
    """One score a case; `score_from` and `score_to` in its place are what the stated uncertainties (columns NAME_u) allow."""
    done, remarks = measure_cases(evidence, deauville, declared(locals()), _measure)
    return Deauville(measurements=all_measurements(done), remarks=remarks, conditions=(rule_condition("deauville"),))


def score_of(target: float, blood_pool: float, liver: float, multiple: float, background: float | None = None) -> int:
    """1 to 5; on a boundary the lower score."""
    if background is not None and target <= background:
        return 1
    bounds = (blood_pool, liver, multiple * liver)
    return 2 + sum(target > bound for bound in bounds)


def _measure(case: Case) -> Measured:
    target, pool, liver = (case.number(name) for name in ("target_suv", "blood_pool_suv", "liver_suv"))
    multiple = float(case.get("liver_multiple") or rule("deauville")["liver_factor"])
    background = case.get("background_suv")
    score = score_of(target, pool, liver, multiple, background)
    known = [name for name in ("target_suv", "blood_pool_suv", "liver_suv") if name in case.uncertainties]
    low, high = _range(case, score, multiple)
    remarks = []
    if low != high:
        remarks.append(
            remark(
                "score_undecided",
                en=f"within its uncertainty (k = 2) the lesion scores {low} to {high}: measure again before treatment hangs on it",
                zh=f"在不确定度（k = 2）范围内评分为 {low}～{high} 分：如治疗取决于该评分，请重新测量",
            )
        )
    if pool > liver:
        remarks.append(
            remark(
                "blood_pool_above_liver",
                en=f"the blood pool ({pool:g}) is above the liver ({liver:g}), which is unusual; check the regions",
                zh=f"血池摄取（{pool:g}）高于肝（{liver:g}），不常见，请核对感兴趣区",
            )
        )
    where: dict[str, Any] = case.where(liver_multiple=multiple)
    ratio_u = None
    if known:
        terms = [
            case.uncertainties[name] / case.number(name) for name in known if name != "blood_pool_suv" and case.number(name)
        ]
        ratio_u = target / liver * math.hypot(*terms) if terms else None
    spread = where if not known else {**where, "score_from": low, "score_to": high}
    return Measured(
        measurements=(SCORE.of(float(score), **spread), RATIO.of(target / liver, ratio_u, **where)), remarks=tuple(remarks)
    )


def _range(case: Case, score: int, multiple: float) -> tuple[int, int]:
    """The scores that ± 2u of lesion and references, in quadrature at each boundary, allow."""
    target, pool, liver = (case.number(name) for name in ("target_suv", "blood_pool_suv", "liver_suv"))
    u = {name: case.uncertainties.get(name, 0.0) for name in ("target_suv", "blood_pool_suv", "liver_suv")}
    bounds = ((pool, u["blood_pool_suv"]), (liver, u["liver_suv"]), (multiple * liver, multiple * u["liver_suv"]))
    low = high = score
    if score == 1:
        return 1, 1
    for place, (bound, own) in enumerate(bounds, 2):
        margin = COVERAGE * math.hypot(u["target_suv"], own)
        if margin > 0 and abs(target - bound) <= margin:
            low, high = min(low, place), max(high, place + 1)
    return low, high

"""Change of a lesion's uptake under treatment, sorted by PERCIST 1.0 or by EORTC, with the formula and the rule named.

PERCIST speaks of SULpeak (lean body mass, 1 mL), EORTC of SUV. Progression by PERCIST: a rise of 30 % and 0.8 SUL, new lesions, or
a rise of the total lesion glycolysis of 75 %. The uncertainty of the change comes from those of both measurements; where it leaves more than
one category, all of them are named and the category is undecided. A baseline below 1.5 times the liver mean + 2 SD is not measurable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Remark, Result, procedure, remark
from photopeak.treatment_response.categories import certain, relative_change, rule, rule_condition, undecided, yes
from photopeak.words import Words

CHANGE = Quantity(name="uptake_change", unit="%", en="change of uptake", zh="摄取变化")
LIVER = Quantity(name="liver_sul_difference", unit="%", en="difference of the liver's SUL", zh="肝 SUL 差异")
GLYCOLYSIS = Quantity(
    name="glycolysis_change", unit="%", en="change of total lesion glycolysis", zh="病灶糖酵解总量变化", judged=False
)
Rule = Literal["percist", "eortc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetabolicResponse(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "uptake_change", "liver_sul_difference")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, metabolic_response, ("baseline_uptake", "followup_uptake"))


@procedure(
    en="Metabolic response",
    zh="代谢疗效",
    implements="PERCIST 1.0 (Wahl 2009); EORTC (Young 1999)",
    kinds=("table",),
    quantities=(CHANGE, LIVER, GLYCOLYSIS),
    accepts=accepts,
)
def metabolic_response(
    evidence: Evidence,
    *,
    rule_name: Annotated[Rule, Words("rule: percist or eortc", "规则：percist 或 eortc")] = "percist",
    baseline_uptake: Annotated[
        float | None,
        Words("baseline SULpeak (EORTC: SUV)", "基线 SULpeak（EORTC：SUV）"),
        Column(aliases=("baseline_sul_peak", "baseline_suv"), above=0),
    ] = None,
    followup_uptake: Annotated[
        float | None,
        Words("SULpeak (SUV) at follow-up", "随访 SULpeak（SUV）"),
        Column(aliases=("followup_sul_peak", "followup_suv"), least=0),
    ] = None,
    baseline_liver_mean: Annotated[
        float | None, Words("liver mean at baseline, SUL", "基线肝均值，SUL"), Column(above=0)
    ] = None,
    baseline_liver_sd: Annotated[float | None, Words("liver SD at baseline, SUL", "基线肝标准差，SUL"), Column(least=0)] = None,
    baseline_blood_pool_mean: Annotated[
        float | None, Words("blood pool mean at baseline, SUL", "基线血池均值，SUL"), Column(above=0)
    ] = None,
    baseline_blood_pool_sd: Annotated[
        float | None, Words("blood pool SD at baseline, SUL", "基线血池标准差，SUL"), Column(least=0)
    ] = None,
    followup_liver_mean: Annotated[
        float | None, Words("liver mean at follow-up, SUL", "随访肝均值，SUL"), Column(above=0)
    ] = None,
    baseline_glycolysis: Annotated[
        float | None, Words("total lesion glycolysis at baseline", "基线病灶糖酵解总量"), Column(above=0)
    ] = None,
    followup_glycolysis: Annotated[
        float | None, Words("total lesion glycolysis at follow-up", "随访病灶糖酵解总量"), Column(least=0)
    ] = None,
    new_lesions: Annotated[str | None, Words("new lesions, yes or no", "新发病灶，是或否"), Column(kind="text")] = None,
    resolved: Annotated[
        str | None, Words("all lesions gone to background, yes or no", "全部病灶降至本底，是或否"), Column(kind="text")
    ] = None,
    cycles: Annotated[float | None, Words("cycles of treatment so far", "已完成的疗程数"), Column(least=0)] = None,
) -> MetabolicResponse:
    """The change of each case, its category in `response`."""

    def measure(case: Case) -> Measured:
        return _measure(case, rule_name)

    given = {key: value for key, value in declared(locals()).items() if key not in ("rule_name", "measure")}
    done, remarks = measure_cases(evidence, metabolic_response, given, measure)
    return MetabolicResponse(measurements=all_measurements(done), remarks=remarks, conditions=(rule_condition(rule_name),))


def _measure(case: Case, name: Rule) -> Measured:
    before, after = case.number("baseline_uptake"), case.number("followup_uptake")
    u = [case.uncertainties.get(key) for key in ("baseline_uptake", "followup_uptake")]
    change, u_change = relative_change(before, after, *u)
    glycolysis = _glycolysis(case)
    by_change = _percist(case, before, glycolysis) if name == "percist" else _eortc(case)
    category, possible = certain(by_change, change, u_change)
    remarks: list[Remark] = list(undecided(case, possible))
    if name == "percist":
        remarks += _measurable(case, before)
    where: dict[str, Any] = case.where(rule=name, response=category)
    found = [CHANGE.of(change, u_change, **where)]
    if glycolysis is not None:
        found.append(GLYCOLYSIS.of(glycolysis, **where))
    found += _liver(case)
    return Measured(measurements=tuple(found), remarks=tuple(remarks))


def _glycolysis(case: Case) -> float | None:
    if not case.has("baseline_glycolysis", "followup_glycolysis"):
        return None
    return 100 * (case.number("followup_glycolysis") / case.number("baseline_glycolysis") - 1)


def _percist(case: Case, before: float, glycolysis: float | None) -> Callable[[float], str]:
    own = rule("percist")
    new, gone = yes(case, "new_lesions"), yes(case, "resolved")
    more_glycolysis = glycolysis is not None and glycolysis > own["rise_glycolysis_percent"]

    def category(change: float) -> str:
        difference = before * change / 100
        if new or more_glycolysis or (change > own["rise_percent"] and difference > own["rise_sul"]):
            return "PMD"
        if gone:
            return "CMR"
        if change <= -own["fall_percent"] and difference <= -own["fall_sul"]:
            return "PMR"
        return "SMD"

    return category


def _eortc(case: Case) -> Callable[[float], str]:
    own = rule("eortc")
    new, gone = yes(case, "new_lesions"), yes(case, "resolved")
    later = float(case.get("cycles") or 1.0) > 1.0
    fall = own["fall_percent_later"] if later else own["fall_percent_first_cycle"]

    def category(change: float) -> str:
        if new or change > own["rise_percent"]:
            return "PMD"
        if gone:
            return "CMR"
        return "PMR" if change <= -fall else "SMD"

    return category


def _measurable(case: Case, before: float) -> list[Remark]:
    """Held against the liver; where only the blood pool is given (a diseased liver), against that."""
    own = rule("percist_measurable")
    for organ, en, zh in (("liver", "liver", "肝"), ("blood_pool", "blood pool", "血池")):
        if case.has(f"baseline_{organ}_mean", f"baseline_{organ}_sd"):
            factor, deviations = own[f"{organ}_factor"], own["standard_deviations"]
            least = factor * case.number(f"baseline_{organ}_mean") + deviations * case.number(f"baseline_{organ}_sd")
            if before >= least:
                return []
            rule_en, rule_zh = f"{factor:g} {en} means + {deviations:g} SD", f"{factor:g} 倍{zh}均值 + {deviations:g} 倍标准差"
            return [
                remark(
                    "not_measurable",
                    en=f"baseline uptake {before:g} is below {least:.3g} ({rule_en}, provisional): not measurable by PERCIST",
                    zh=f"基线摄取 {before:g} 低于 {least:.3g}（{rule_zh}，待核）：按 PERCIST 不可测",
                )
            ]
    return [
        remark(
            "measurability_unknown",
            en="mean and SD at baseline of liver or blood pool are not given: whether the lesion is measurable by PERCIST is not known",
            zh="未给出基线肝或血池的均值和标准差：无法判断病灶按 PERCIST 是否可测",
        )
    ]


def _liver(case: Case) -> list[Measurement]:
    """Practical PERCIST: the difference in % of the larger one."""
    if not case.has("baseline_liver_mean", "followup_liver_mean"):
        return []
    one, other = case.number("baseline_liver_mean"), case.number("followup_liver_mean")
    where: dict[str, Any] = case.where(pair="follow_up")
    return [LIVER.of(100 * abs(one - other) / max(one, other), **where)]

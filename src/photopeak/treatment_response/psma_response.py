"""Response by the PSMA-positive tumour volume: RECIP 1.0.

PR: the volume falls by 30 % or more without new lesions. PD: it rises by 20 % or more with new lesions. A rise of any size without new
lesions, or new lesions with a smaller rise, is stable disease. CR: no PSMA-positive lesion is left. Undecided where the uncertainty of the
change leaves two categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Quantity
from photopeak.procedure import Result, procedure
from photopeak.treatment_response.categories import certain, relative_change, rule, rule_condition, undecided, yes
from photopeak.words import Words

CHANGE = Quantity(name="tumour_volume_change", unit="%", en="change of tumour volume", zh="肿瘤体积变化")


@dataclass(frozen=True, slots=True, kw_only=True)
class PsmaResponse(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "tumour_volume_change")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, psma_response, ("baseline_volume_ml", "followup_volume_ml"))


@procedure(
    en="PSMA response (RECIP)",
    zh="PSMA 疗效（RECIP）",
    implements="RECIP 1.0",
    kinds=("table",),
    quantities=(CHANGE,),
    accepts=accepts,
)
def psma_response(
    evidence: Evidence,
    *,
    baseline_volume_ml: Annotated[
        float | None, Words("tumour volume at baseline, mL", "基线肿瘤体积，mL"), Column(above=0)
    ] = None,
    followup_volume_ml: Annotated[
        float | None, Words("tumour volume at follow-up, mL", "随访肿瘤体积，mL"), Column(least=0)
    ] = None,
    new_lesions: Annotated[str | None, Words("new lesions, yes or no", "新发病灶，是或否"), Column(kind="text")] = None,
) -> PsmaResponse:
    """The change of the volume of each case, its category in `response`."""
    done, remarks = measure_cases(evidence, psma_response, declared(locals()), _measure)
    return PsmaResponse(measurements=all_measurements(done), remarks=remarks, conditions=(rule_condition("recip"),))


def _measure(case: Case) -> Measured:
    before, after = case.number("baseline_volume_ml"), case.number("followup_volume_ml")
    u = [case.uncertainties.get(key) for key in ("baseline_volume_ml", "followup_volume_ml")]
    change, u_change = relative_change(before, after, *u)
    own, new = rule("recip"), yes(case, "new_lesions")

    def category(one: float) -> str:
        if one <= -100 and not new:
            return "CR"
        if new and one >= own["rise_percent"]:
            return "PD"
        return "PR" if not new and one <= -own["fall_percent"] else "SD"

    found, possible = certain(category, change, u_change)
    where: dict[str, Any] = case.where(rule="recip", response=found)
    return Measured(measurements=(CHANGE.of(change, u_change, **where),), remarks=undecided(case, possible))

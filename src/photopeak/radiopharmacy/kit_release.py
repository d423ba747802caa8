"""The release record of a kit or of a batch: what was measured, what is recorded, what is absent.

One record a row. The numbers meet the limits of the named pharmacopoeias and of the programme that is asked for (a site's own
specification); the record's completeness is measured. Whether the batch may be released is said by the responsible person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import nuclide_named, seconds_between
from photopeak.procedure import Remark, Result, procedure, remark
from photopeak.radiopharmacy.tracers import tracer_named
from photopeak.records import (
    COMPLETE,
    COMPLETENESS,
    Element,
    absent_remark,
    complete_share,
    completeness,
    elements_for_document,
    yes_or_no,
)
from photopeak.words import Words

PH = Quantity(name="ph", unit="1", en="pH", zh="pH 值")
PURITY = Quantity(name="radiochemical_purity", unit="%", en="radiochemical purity", zh="放射化学纯度")
HALF_LIFE = Quantity(name="half_life", unit="min", en="half-life", zh="半衰期")
ENDOTOXIN = Quantity(name="endotoxin", unit="[EU]/mL", en="bacterial endotoxin", zh="细菌内毒素")
ENDOTOXIN_DOSE = Quantity(
    name="endotoxin_per_dose", unit="[EU]", en="bacterial endotoxin in the largest dose", zh="最大剂量所含细菌内毒素"
)
GE68 = Quantity(name="ge68_breakthrough", unit="%", en="68Ge in the eluate", zh="68Ge 漏穿率")
CONTENT = Quantity(name="labelled_activity", unit="%", en="activity against the label", zh="活度与标示量之比")
ETHANOL = Quantity(name="ethanol", unit="%", en="ethanol", zh="乙醇")
NUCLIDIC = Quantity(name="radionuclidic_purity", unit="%", en="radionuclidic purity", zh="放射性核素纯度")
NUMBERS = {
    "ph": PH,
    "radiochemical_purity_percent": PURITY,
    "half_life_min": HALF_LIFE,
    "endotoxin_eu_per_ml": ENDOTOXIN,
    "ge68_breakthrough_percent": GE68,
    "ethanol_percent": ETHANOL,
    "radionuclidic_purity_percent": NUCLIDIC,
}
REQUIRED = (
    "tracer",
    "batch",
    "prepared_at",
    "activity_mbq",
    "expires_at",
    "appearance",
    "ph",
    "radiochemical_purity_percent",
    "endotoxin_eu_per_ml",
    "sterility",
    "filter_integrity",
    "released_by",
)
ONLY_FOR_GALLIUM = ("half_life_min", "ge68_breakthrough_percent")
JUDGED_IN_WORDS = ("sterility", "filter_integrity", "appearance")


@dataclass(frozen=True, slots=True, kw_only=True)
class KitRelease(Result):
    """`records`: for each record its name and elements."""

    records: tuple[tuple[str | None, tuple[Element, ...]], ...]

    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "record_completeness", "radiochemical_purity", "ph")

    def document_extras(self) -> dict[str, Any]:
        return {"records": [elements_for_document(*one) for one in self.records]}


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, kit_release, ("tracer", "batch"), ("tracer", "ph", "radiochemical_purity_percent"))


@procedure(
    en="Kit release record",
    zh="药盒制备放行记录",
    implements="Ph. Eur. 3044 and pharmacopoeias by tracer; a site's specification as programme",
    kinds=("table",),
    quantities=(PH, PURITY, HALF_LIFE, ENDOTOXIN, ENDOTOXIN_DOSE, GE68, CONTENT, ETHANOL, NUCLIDIC, COMPLETENESS, COMPLETE),
    accepts=accepts,
)
def kit_release(
    evidence: Evidence,
    *,
    tracer: Annotated[str | None, Words("radiopharmaceutical", "放射性药物"), Column(kind="text")] = None,
    batch: Annotated[str | None, Words("batch", "批号"), Column(kind="text", aliases=("lot",))] = None,
    nuclide: Annotated[str | None, Words("nuclide", "核素"), Column(kind="text")] = None,
    prepared_at: Annotated[str | None, Words("time of preparation", "制备时间"), Column(kind="time")] = None,
    expires_at: Annotated[str | None, Words("expiry", "失效时间"), Column(kind="time")] = None,
    activity_mbq: Annotated[float | None, Words("activity, MBq", "活度，MBq"), Column(above=0)] = None,
    labelled_activity_mbq: Annotated[
        float | None, Words("activity on the label, MBq", "标示活度，MBq"), Column(above=0)
    ] = None,
    volume_ml: Annotated[float | None, Words("largest volume given, mL", "最大给药体积，mL"), Column(above=0)] = None,
    ph: Annotated[float | None, Words("pH", "pH 值"), Column(least=0, most=14)] = None,
    radiochemical_purity_percent: Annotated[
        float | None, Words("radiochemical purity, %", "放射化学纯度，%"), Column(aliases=("rcp_percent",), least=0, most=100)
    ] = None,
    half_life_min: Annotated[float | None, Words("half-life found, min", "实测半衰期，min"), Column(above=0)] = None,
    ge68_breakthrough_percent: Annotated[
        float | None, Words("68Ge in the eluate, %", "68Ge 漏穿率，%"), Column(least=0, most=100)
    ] = None,
    radionuclidic_purity_percent: Annotated[
        float | None, Words("radionuclidic purity, %", "放射性核素纯度，%"), Column(least=0, most=100)
    ] = None,
    endotoxin_eu_per_ml: Annotated[
        float | None, Words("bacterial endotoxin, EU/mL", "细菌内毒素，EU/mL"), Column(least=0)
    ] = None,
    ethanol_percent: Annotated[float | None, Words("ethanol, %", "乙醇，%"), Column(least=0, most=100)] = None,
    sterility: Annotated[str | None, Words("sterility (may follow later)", "无菌检查（可后补）"), Column(kind="text")] = None,
    filter_integrity: Annotated[str | None, Words("integrity of the filter", "滤膜完整性"), Column(kind="text")] = None,
    appearance: Annotated[str | None, Words("appearance", "性状"), Column(kind="text")] = None,
    released_by: Annotated[str | None, Words("released by", "放行人"), Column(kind="text")] = None,
) -> KitRelease:
    """The measured numbers of each record, by tracer, and the completeness of the record."""
    done, remarks = measure_cases(evidence, kit_release, declared(locals()), _one)
    return KitRelease(
        measurements=(*all_measurements(done), complete_share(found.detail[1] for _, found in done)),
        remarks=remarks,
        records=tuple(found.detail for _, found in done),
    )


def _one(case: Case) -> Measured:
    name = case.get("batch") or case.label
    tracer = tracer_named(case.get("tracer"))
    if case.has("prepared_at", "expires_at") and seconds_between(case.time("prepared_at"), case.time("expires_at")) <= 0:
        raise case.refused(
            "expired_before_prepared",
            en="the expiry lies before the preparation; correct the times",
            zh="失效时间早于制备时间，请更正。",
        )
    elements = _elements(case)
    where: dict[str, Any] = {**case.where(batch=case.get("batch")), **({"tracer": tracer} if tracer else {})}
    return Measured(
        measurements=(*_numbers(case, where), COMPLETENESS.of(completeness(elements), **case.where(batch=case.get("batch")))),
        remarks=(*absent_remark(name, elements), *_failed(case, name)),
        detail=(name, elements),
    )


def _numbers(case: Case, where: dict[str, Any]) -> tuple[Measurement, ...]:
    found = []
    nuclide = nuclide_named(case.get("nuclide") or case.get("tracer"), "icrp107")
    for name, quantity in NUMBERS.items():
        if case.has(name):
            extra: dict[str, Any] = {"nuclide": nuclide.name} if quantity is HALF_LIFE and nuclide is not None else {}
            extra = {"nuclide": "Ge-68"} if quantity is GE68 else extra
            found.append(quantity.of(case.number(name), case.uncertainties.get(name), **where, **extra))
    if case.has("endotoxin_eu_per_ml", "volume_ml"):
        dose = case.linear(_product, "endotoxin_eu_per_ml", "volume_ml")
        found.append(ENDOTOXIN_DOSE.of(*dose, **where))
    if case.has("activity_mbq", "labelled_activity_mbq"):
        found.append(CONTENT.of(*case.linear(_of_label, "activity_mbq", "labelled_activity_mbq"), **where))
    return tuple(found)


def _product(**factors: float) -> float:
    return math.prod(factors.values())


def _of_label(*, activity_mbq: float, labelled_activity_mbq: float) -> float:
    return 100 * activity_mbq / labelled_activity_mbq


def _elements(case: Case) -> tuple[Element, ...]:
    nuclide = nuclide_named(case.get("nuclide") or case.get("tracer"), "icrp107")
    gallium = nuclide is not None and nuclide.name == "Ga-68"
    names = (*REQUIRED, *(ONLY_FOR_GALLIUM if gallium else ()))
    return tuple(
        Element(name=name, words=case.inputs[name].words, status="present" if case.has(name) else "absent") for name in names
    )


def _failed(case: Case, name: str | None) -> tuple[Remark, ...]:
    """Tests that are recorded as failed, in words: no number would tell."""
    failed = [case.inputs[one].words for one in JUDGED_IN_WORDS if yes_or_no(case.get(one)) is False]
    if not failed:
        return ()
    place = name or "-"
    return (
        remark(
            "recorded_as_failed",
            en=f"record {place}: recorded as not passed: {', '.join(one.en for one in failed)}",
            zh=f"记录 {place}：记录为不合格：{'、'.join(one.zh for one in failed)}",
        ),
    )

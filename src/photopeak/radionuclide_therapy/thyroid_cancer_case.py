"""Audit of case records of 131I therapy for differentiated thyroid cancer: one record a row.

Each record's completeness, TSH before therapy, administered against intended activity, intervals and discharge are measured; over all
records, the share whose TSH was above 30 mIU/L (national indicator NM-02). Whether a disease is refractory is never said: cumulative
activity alone does not show it. What is said is how complete the evidence for that statement is.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Remark, Result, procedure, remark
from photopeak.radionuclide_therapy.discharge import RATIO, discharge_ratio
from photopeak.radionuclide_therapy.thyroid_cancer_elements import (
    contradictions,
    days_between,
    elements_of,
    refractory_elements,
    stimulation_of,
)
from photopeak.records import (
    COMPLETE,
    COMPLETENESS,
    Element,
    absent_remark,
    complete_share,
    completeness,
    elements_for_document,
)
from photopeak.words import Words

TSH = Quantity(name="tsh", unit="m[IU]/L", en="TSH before therapy", zh="治疗前 TSH")
DEVIATION = Quantity(
    name="administered_activity_deviation", unit="%", en="administered against intended activity", zh="给药活度与计划活度偏差"
)
CUMULATIVE = Quantity(name="cumulative_activity", unit="MBq", en="cumulative activity", zh="累积活度", judged=False)
SCAN = Quantity(
    name="post_therapy_scan_interval", unit="d", en="days until the post-therapy scan", zh="治疗后扫描间隔", judged=False
)
WITHDRAWN = Quantity(name="withdrawal_time", unit="d", en="days of withdrawal", zh="停药天数", judged=False)
AFTER_RHTSH = Quantity(
    name="time_after_rhtsh", unit="d", en="days from the second rhTSH to therapy", zh="末次 rhTSH 至给药间隔", judged=False
)
LOW_IODINE = Quantity(name="low_iodine_time", unit="d", en="days of low-iodine diet", zh="低碘饮食天数", judged=False)
REFRACTORY = Quantity(
    name="rair_evidence_completeness",
    unit="%",
    en="completeness of the evidence for a stated refractory disease",
    zh="“碘难治”表述的证据完整率",
)
ATTAINED = Quantity(
    name="tsh_attainment", unit="%", en="records with TSH above the indicator's level (NM-02)", zh="治疗前 TSH 达标率（NM-02）"
)
INTERVALS = (
    (SCAN, "administered_at", "post_therapy_scan_at"),
    (WITHDRAWN, "withdrawal_from", "administered_at"),
    (AFTER_RHTSH, "rhtsh_second_at", "administered_at"),
    (LOW_IODINE, "low_iodine_from", "administered_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThyroidCancerCase(Result):
    """`records`: for each record its name, its elements and, where refractory disease is stated, the evidence's elements."""

    records: tuple[tuple[str | None, tuple[Element, ...], tuple[Element, ...]], ...]

    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "record_completeness", "tsh", "administered_activity_deviation")

    def document_extras(self) -> dict[str, Any]:
        return {"records": [elements_for_document(name, (*own, *refractory)) for name, own, refractory in self.records]}


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, thyroid_cancer_case, ("tsh_miu_l", "administered_mbq"))


@procedure(
    en="131I therapy of thyroid cancer: record audit",
    zh="甲状腺癌 131I 治疗病历核查",
    implements="核医学专业医疗质量控制指标（2025年版）NM-02; GBZ 120-2020, 7.2 (provisional)",
    kinds=("table",),
    quantities=(
        COMPLETENESS,
        COMPLETE,
        TSH,
        ATTAINED,
        DEVIATION,
        CUMULATIVE,
        SCAN,
        WITHDRAWN,
        AFTER_RHTSH,
        LOW_IODINE,
        RATIO,
        REFRACTORY,
    ),
    accepts=accepts,
)
def thyroid_cancer_case(
    evidence: Evidence,
    *,
    patient: Annotated[str | None, Words("pseudonym of the patient", "患者代号"), Column(kind="text")] = None,
    sex: Annotated[str | None, Words("sex", "性别"), Column(kind="text")] = None,
    age_y: Annotated[float | None, Words("age, years", "年龄，岁"), Column(aliases=("age",), least=0, most=130)] = None,
    stimulation: Annotated[
        str | None,
        Words("TSH stimulation (withdrawal or rhTSH)", "TSH 刺激方式（停药或 rhTSH）"),
        Column(kind="text", aliases=("tsh_stimulation",)),
    ] = None,
    withdrawal_from: Annotated[str | None, Words("start of withdrawal", "停药开始日期"), Column(kind="time")] = None,
    rhtsh_first_at: Annotated[str | None, Words("first rhTSH", "首次 rhTSH 日期"), Column(kind="time")] = None,
    rhtsh_second_at: Annotated[str | None, Words("second rhTSH", "第二次 rhTSH 日期"), Column(kind="time")] = None,
    tsh_miu_l: Annotated[
        float | None, Words("TSH before therapy, mIU/L", "治疗前 TSH，mIU/L"), Column(aliases=("tsh",), least=0)
    ] = None,
    tsh_at: Annotated[str | None, Words("date of the TSH value", "TSH 检测日期"), Column(kind="time")] = None,
    tsh_note: Annotated[str | None, Words("reason where TSH did not rise", "TSH 未达标原因备注"), Column(kind="text")] = None,
    diagnostic_scan_at: Annotated[str | None, Words("diagnostic scan", "诊断性扫描日期"), Column(kind="time")] = None,
    low_iodine_from: Annotated[str | None, Words("start of low-iodine diet", "低碘饮食开始日期"), Column(kind="time")] = None,
    pregnancy_test: Annotated[str | None, Words("pregnancy test", "妊娠试验"), Column(kind="text")] = None,
    intended_mbq: Annotated[
        float | None, Words("intended activity, MBq", "计划活度，MBq"), Column(aliases=("prescribed_mbq",), above=0)
    ] = None,
    administered_mbq: Annotated[
        float | None, Words("administered activity, MBq", "给药活度，MBq"), Column(aliases=("given_mbq",), above=0)
    ] = None,
    administered_at: Annotated[str | None, Words("date of administration", "给药日期"), Column(kind="time")] = None,
    course: Annotated[float | None, Words("number of the course", "疗程序号"), Column(least=1)] = None,
    cumulative_mbq: Annotated[
        float | None, Words("cumulative activity, this course included, MBq", "累积活度（含本次），MBq"), Column(above=0)
    ] = None,
    post_therapy_scan_at: Annotated[str | None, Words("post-therapy scan", "治疗后扫描日期"), Column(kind="time")] = None,
    discharge_at: Annotated[str | None, Words("discharge", "出院日期"), Column(kind="time")] = None,
    discharge_activity_mbq: Annotated[
        float | None, Words("body activity at discharge, MBq", "出院时体内活度，MBq"), Column(least=0)
    ] = None,
    discharge_dose_rate_usv_h: Annotated[
        float | None, Words("dose rate at 1 m at discharge, µSv/h", "出院时 1 m 处剂量率，µSv/h"), Column(least=0)
    ] = None,
    written_advice: Annotated[str | None, Words("written advice on contacts", "出院书面建议"), Column(kind="text")] = None,
    thyroglobulin_ng_ml: Annotated[float | None, Words("thyroglobulin, ng/mL", "甲状腺球蛋白，ng/mL"), Column(least=0)] = None,
    rair_stated: Annotated[
        str | None, Words("refractory disease stated (yes or no)", "记录“碘难治”（是/否）"), Column(kind="text")
    ] = None,
    rair_iodine_uptake: Annotated[
        str | None, Words("uptake of the lesions on the scan", "病灶摄碘情况"), Column(kind="text")
    ] = None,
    rair_progression: Annotated[
        str | None, Words("course of the lesions after 131I", "131I 治疗后病灶变化"), Column(kind="text")
    ] = None,
    rair_imaging_at: Annotated[
        str | None, Words("date of the imaging behind the statement", "作为依据的影像日期"), Column(kind="time")
    ] = None,
    rair_tsh_adequate: Annotated[
        str | None, Words("stimulation and low-iodine diet at that scan", "该次扫描的 TSH 刺激与低碘准备"), Column(kind="text")
    ] = None,
) -> ThyroidCancerCase:
    """Completeness and findings of each record, and the share of records with a sufficient TSH."""
    done, remarks = measure_cases(evidence, thyroid_cancer_case, declared(locals()), _one)
    cases = [case for case, _ in done]
    return ThyroidCancerCase(
        measurements=(*all_measurements(done), complete_share(found.detail[1] for _, found in done), *_attainment(cases)),
        remarks=(*remarks, *_courses(cases)),
        records=tuple(found.detail for _, found in done),
    )


def _one(case: Case) -> Measured:
    label = case.label or case.get("patient")
    elements, refractory = elements_of(case), refractory_elements(case)
    measurements = [COMPLETENESS.of(completeness(elements), **case.where())]
    if case.has("tsh_miu_l"):
        kind = stimulation_of(case)
        measurements.append(
            TSH.of(case.number("tsh_miu_l"), case.uncertainties.get("tsh_miu_l"), **case.where(stimulation=kind))
        )
    if case.has("intended_mbq", "administered_mbq"):
        measurements.append(DEVIATION.of(*case.linear(_deviation, "intended_mbq", "administered_mbq"), **case.where()))
    if case.has("cumulative_mbq"):
        measurements.append(CUMULATIVE.of(case.number("cumulative_mbq"), **case.where()))
    measurements += _intervals(case)
    ratio = discharge_ratio(case)
    measurements += [ratio] if ratio is not None else []
    if refractory:
        measurements.append(REFRACTORY.of(completeness(refractory), **case.where()))
    remarks = (*absent_remark(label, elements), *absent_remark(label, refractory), *contradictions(case, label))
    return Measured(measurements=tuple(measurements), remarks=remarks, detail=(label, elements, refractory))


def _deviation(*, intended_mbq: float, administered_mbq: float) -> float:
    return 100 * (administered_mbq / intended_mbq - 1)


def _intervals(case: Case) -> list[Measurement]:
    """Intervals in days; one that runs backwards is a contradiction, told elsewhere, and no measurement."""
    found = []
    for quantity, earlier, later in INTERVALS:
        days = days_between(case, earlier, later)
        if days is not None and days >= 0:
            found.append(quantity.of(days, **case.where()))
    return found


@cache
def _level() -> float:
    """The TSH level of indicator NM-02, from the file of that standard."""
    text = (resources.files("photopeak") / "standards" / "nm_indicators_2025.toml").read_text("utf-8")
    return float(next(row["lower"] for row in tomllib.loads(text)["limit"] if row["quantity"] == "tsh"))


def _attainment(cases: Sequence[Case]) -> tuple[Measurement, ...]:
    """Share of all records with TSH above the level; a record without TSH, or with one after therapy, does not count as attained."""
    attained = 0
    for case in cases:
        days = days_between(case, "tsh_at", "administered_at")
        if case.has("tsh_miu_l") and (days is None or days >= 0):
            attained += case.number("tsh_miu_l") > _level()
    return (ATTAINED.of(100 * attained / len(cases), records=len(cases)),)


def _courses(cases: Sequence[Case]) -> tuple[Remark, ...]:
    """Where a patient has several rows: cumulative activities that do not follow from the courses before."""
    found = []
    by_patient: dict[str, list[Case]] = {}
    for case in cases:
        if case.has("patient", "course", "administered_mbq", "cumulative_mbq"):
            by_patient.setdefault(case.text("patient"), []).append(case)
    for patient, own in by_patient.items():
        ordered = sorted(own, key=lambda one: one.number("course"))
        for before, after in itertools.pairwise(ordered):
            expected = before.number("cumulative_mbq") + after.number("administered_mbq")
            next_to = after.number("course") - before.number("course") == 1
            if next_to and abs(after.number("cumulative_mbq") - expected) > 0.01 * expected:
                found.append(
                    remark(
                        "cumulative_contradicts",
                        en=f"patient {patient}, course {after.number('course'):g}: cumulative activity "
                        f"{after.number('cumulative_mbq'):g} MBq, but the courses add up to {expected:g} MBq",
                        zh=f"患者 {patient} 第 {after.number('course'):g} 疗程：累积活度 {after.number('cumulative_mbq'):g} MBq，"
                        f"按各疗程相加应为 {expected:g} MBq",
                    )
                )
    return tuple(found)

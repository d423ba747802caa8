"""Contradictions within a report: each check is a function of the material; all are rules with the exact words they rest on.

`CHECKS` is the roll, critical ones first. A check yields defects; it never sees an acceptance limit and never guesses: where a sentence can
be read in two ways, it keeps silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from photopeak.report_review.elements import Element, Material, Quote
from photopeak.report_review.sections import Span
from photopeak.words import Words

Severity = Literal["critical", "major", "minor"]
RULES_VERSION = "2026.1"

CRITICAL = frozenset((
    "LATERALITY_MISMATCH", "NEGATION_CONTRADICTION", "IMPRESSION_NOT_IN_FINDINGS", "SEX_ORGAN", "TRACER_EXAM_MISMATCH", "UNIT_CONVERSION",
    "ACTIVITY_IMPLAUSIBLE", "SUV_IMPLAUSIBLE", "VALUE_MISMATCH", "SUM_MISMATCH", "CRITICAL_NOT_COMMUNICATED", "COPY_PASTE",
))  # fmt: skip
MAJOR = frozenset((
    "FINDING_NOT_IN_IMPRESSION", "REMOVED_ORGAN", "TIME_ARITHMETIC", "DATE_ORDER", "LEVEL_MISMATCH", "TEMPLATE_RESIDUE", "SAME_AUTHOR_REVIEWER",
    "MISSING_REQUIRED", "VAGUE_VALUE", "HYBRID_NOT_DESCRIBED",
))  # fmt: skip
SOFT = frozenset(("STAGE_INCONSISTENT", "TERRITORY_MISMATCH", "METHOD_TRACER_MISMATCH"))  # hints: never scored

NAMES: dict[str, Words] = {
    "LATERALITY_MISMATCH": Words("left and right contradict each other", "侧别矛盾"),
    "NEGATION_CONTRADICTION": Words("said to be absent, and present", "有无矛盾"),
    "IMPRESSION_NOT_IN_FINDINGS": Words("in the impression, not in the findings", "结论所述未见于所见"),
    "FINDING_NOT_IN_IMPRESSION": Words("in the findings, not in the impression", "所见病灶未进结论"),
    "SEX_ORGAN": Words("organ of the other sex", "性别与器官不符"),
    "REMOVED_ORGAN": Words("a removed organ is described", "已切除器官仍作描述"),
    "TRACER_EXAM_MISMATCH": Words("tracer and examination do not agree", "显像剂与检查项目不符"),
    "METHOD_TRACER_MISMATCH": Words("method and tracer do not agree", "方法与显像剂不符"),
    "UNIT_CONVERSION": Words("mCi and MBq do not agree", "mCi 与 MBq 换算不符"),
    "ACTIVITY_IMPLAUSIBLE": Words("implausible activity", "活度不合理"),
    "SUV_IMPLAUSIBLE": Words("implausible SUV", "SUV 不合理"),
    "VALUE_MISMATCH": Words("one value, stated differently", "同一数值前后不一"),
    "SUM_MISMATCH": Words("parts and total do not agree", "分项与合计不符"),
    "TIME_ARITHMETIC": Words("times do not agree", "时间推算不符"),
    "DATE_ORDER": Words("dates in the wrong order", "日期先后颠倒"),
    "TAT_LONG": Words("long time to report", "出报告时间过长"),
    "LEVEL_MISMATCH": Words("level or segment differs", "节段序数不符"),
    "GLUCOSE_HIGH_UNCOMMENTED": Words("high glucose without comment", "血糖偏高而未说明"),
    "CRITICAL_NOT_COMMUNICATED": Words("critical finding without a record of the call", "危急值无沟通记录"),
    "TEMPLATE_RESIDUE": Words("rest of a template", "模板残留"),
    "COPY_PASTE": Words("text of another patient or report", "疑似他人内容或重复粘贴"),
    "PRIOR_ID_MISMATCH": Words("the earlier study bears this study's number", "既往检查号与本次相同"),
    "SAME_AUTHOR_REVIEWER": Words("author and reviewer are one person", "报告与审核为同一人"),
    "TYPO": Words("misspelling", "错别字"),
    "VAGUE_VALUE": Words("no value is given", "未给出数值"),
    "MISSING_REQUIRED": Words("required element absent (to be confirmed)", "必备要素判为缺（待确认）"),
    "HYBRID_NOT_DESCRIBED": Words("SPECT/CT done, not described", "已行 SPECT/CT 而未作描述"),
    "STAGE_INCONSISTENT": Words("stage and findings may not agree", "分期与所述可能不一致"),
    "TERRITORY_MISMATCH": Words("wall and territory may not agree", "室壁与供血区可能不一致"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A contradiction or a gap, with the words it rests on; a person confirms it."""

    code: str
    severity: Severity
    evidence: tuple[Quote, ...]
    rule: str
    citation: str
    en: str
    zh: str

    @property
    def hint(self) -> bool:
        return self.code in SOFT


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a centre may set: the days within which a report is due (None: not judged)."""

    report_within_days: float | None = None


Check = Callable[[Material, "dict[str, Element]", Setting], Iterator[Defect]]
CHECKS: list[Check] = []


def check(run: Check) -> Check:
    CHECKS.append(run)
    return run


def severity(code: str) -> Severity:
    return "critical" if code in CRITICAL else "major" if code in MAJOR else "minor"


def defect(material: Material, code: str, *spans: Span, en: str = "", zh: str = "", citation: str = "spec 2.3") -> Defect:
    """A defect on these spans; the sentence is the name of its code, and what is special to this case."""
    name = NAMES[code]
    return Defect(
        code=code,
        severity=severity(code),
        evidence=tuple(material.quote(span) for span in dict.fromkeys(spans)),
        rule=f"checks/{code.lower()}@{RULES_VERSION}",
        citation=citation,
        en=f"{name.en}: {en}" if en else name.en,
        zh=f"{name.zh}：{zh}" if zh else name.zh,
    )


def _told_by_the_side(one: Defect, found: list[Defect]) -> bool:
    """A swapped side makes the impression's site unnamed or normal in the findings as well, and what is denied there is not described: told once."""
    if one.code not in ("NEGATION_CONTRADICTION", "IMPRESSION_NOT_IN_FINDINGS"):
        return False
    told = {"LATERALITY_MISMATCH"} | ({"NEGATION_CONTRADICTION"} if one.code == "IMPRESSION_NOT_IN_FINDINGS" else set())
    sides = [quote for other in found if other.code in told for quote in other.evidence[-1:]]
    return any(a.start < b.end and b.start < a.end for a in one.evidence[-1:] for b in sides)


def _told_by_the_units(one: Defect, found: list[Defect]) -> bool:
    """Of two activities that do not convert, one is implausible as well: one mistake, told once."""
    pairs = [quote for other in found if other.code == "UNIT_CONVERSION" for quote in other.evidence]
    return one.code == "ACTIVITY_IMPLAUSIBLE" and any(a.start < b.end and b.start < a.end for a in one.evidence for b in pairs)


def _told_by_the_place(one: Defect, found: list[Defect], plain: str) -> bool:
    """A lesion of the impression that stands nowhere before has numbers that stand nowhere before: told once."""
    if one.code != "VALUE_MISMATCH" or len(one.evidence) != 1:
        return False
    spans = [quote for other in found if other.code == "IMPRESSION_NOT_IN_FINDINGS" for quote in other.evidence[-1:]]
    return any("。" not in plain[min(a.end, b.end) : max(a.start, b.start)] for a in one.evidence for b in spans)


def contradictions(material: Material, elements: tuple[Element, ...], setting: Setting | None = None) -> tuple[Defect, ...]:
    """Every defect of the report, critical ones first, in order of the text within each severity."""
    from photopeak.report_review import (
        lesion_contradictions,
        text_contradictions,
        value_contradictions,
    )  # each enters its checks

    assert lesion_contradictions
    assert text_contradictions
    assert value_contradictions
    by_name = {one.element: one for one in elements}
    found = [one for run in CHECKS for one in run(material, by_name, setting or Setting())]
    found = [
        one
        for one in found
        if not _told_by_the_side(one, found)
        and not _told_by_the_units(one, found)
        and not _told_by_the_place(one, found, material.report.plain)
    ]
    unique = list({(one.code, one.evidence): one for one in found}.values())
    order = ("critical", "major", "minor")
    return tuple(sorted(unique, key=lambda one: (order.index(one.severity), one.evidence[0].start if one.evidence else 0)))

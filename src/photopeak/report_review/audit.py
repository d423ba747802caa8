"""Audit of a report: required elements, contradictions, completeness and score.

Offline and deterministic. Every verdict names its rule (pack, element and fingerprint of the pack), its citation and the exact characters of the
text as read. "Absent" is a proposal until a person confirms it. Omissions of what the images show cannot be seen in a text, and are not claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from photopeak.dicom.study_header import STATED
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.report_review import readers
from photopeak.report_review.contradictions import RULES_VERSION, Defect, Setting, contradictions
from photopeak.report_review.doubts import with_doubts
from photopeak.report_review.elements import Element, Material, judged
from photopeak.report_review.exam import recognise
from photopeak.report_review.mapping import columns_of, documents, read_mapping
from photopeak.report_review.score import completeness, score
from photopeak.report_review.sections import Report
from photopeak.table import Table
from photopeak.text import TextDocument
from photopeak.words import Words

assert readers  # enters the readers that packs name

COMPLETENESS = Quantity(name="element_completeness", unit="%", en="completeness of the required elements", zh="报告要素完整率")
NATIONAL = Quantity(
    name="national_element_completeness",
    unit="%",
    en="completeness of the national elements (NM-07)",
    zh="国家指标要素完整率（NM-07）",
)
SCORE = Quantity(name="score", unit="1", en="score (0-100)", zh="得分（0–100）", judged=False)
LEAST_CHARACTERS = 40  # below it there is no report to judge
VALIDATED = Words("validated on real reports: none yet", "真实报告验证：尚无")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAudit:
    """The verdicts on one report. `row` is the line of a table, "" for a text of its own."""

    report_type: str
    elements: tuple[Element, ...]
    defects: tuple[Defect, ...]
    row: str = ""
    hybrid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit(Result):
    """`report_type`, `elements` and `defects` of the report; of a table, `reports` holds one entry a row and the three are the first's."""

    report_type: str
    elements: tuple[Element, ...]
    defects: tuple[Defect, ...]
    reports: tuple[ReportAudit, ...] = field(default=())

    def figures(self) -> tuple[Figure, ...]:
        if len(self.reports) < 2:
            return ()
        points = [m for m in self.measurements if m.quantity is COMPLETENESS]
        return (
            Chart(
                title=Words("Completeness of each report", "各报告要素完整率"),
                x=Axis(label=Words("report", "报告序号")),
                y=Axis(label=COMPLETENESS.words, unit="%", low=0.0, high=100.0),
                marks=(Points(x=tuple(float(n) for n in range(1, len(points) + 1)), measurements=tuple(points)),),
            ),
        )

    def document_extras(self) -> dict[str, Any]:
        """What the JSON document carries beside the measurements."""
        return as_document(self)


NUCLEAR = re.compile(r"核医学|核素|同位素|显[像象]|\bS?PECT\b|\bECT\b|\bPET\b|scintigra|nuclear medicine", re.I | re.A)


def accepts(evidence: Evidence) -> Words | None:
    """A table with a column of report text, or a text that speaks of a known examination and describes or concludes something."""
    if isinstance(evidence.images, Table):
        try:
            columns_of(evidence.images)
        except Refused as refused:
            return refused.words
        return None
    if not isinstance(evidence.images, TextDocument):
        return Words("neither a report's text nor a table of reports", "既不是报告文字，也不是报告表格")
    report = Report(evidence.images.text)
    exam = recognise(report)
    unknown = exam.type == "OTHER" and exam.titled != "OTHER" and not (exam.tracers and NUCLEAR.search(report.plain))
    if unknown or not report.has("findings", "impression"):
        return Words(
            "no nuclear-medicine examination with findings or an impression was recognised in the text",
            "文字中未识别出核医学检查及其所见或印象",
        )
    return None


@procedure(
    en="Report audit",
    zh="报告要素质控",
    implements="NM-07 (2025 edition, provisional) and spec of report review",
    kinds=("text", "table"),
    quantities=(COMPLETENESS, NATIONAL, SCORE),
    accepts=accepts,
)
def audit(
    evidence: Evidence,
    *,
    report_within_days: Annotated[
        float, Words("days within which a report is due (0: not judged)", "出报告时限（天，0 为不判）")
    ] = 0.0,
    mapping: Annotated[str, Words("which column of the table holds what (TOML text)", "表格列对应（TOML 文字）")] = "",
) -> Audit:
    """Required elements and contradictions of one report, or of each row of a table."""
    setting = Setting(report_within_days=report_within_days or None)
    facts = {key: evidence.facts[key] for key in (*STATED, "glucose_mmol_l") if key in evidence.facts}
    if isinstance(evidence.images, Table):
        columns = columns_of(evidence.images, read_mapping(mapping) if mapping else None)
        reports = tuple(audited(one, setting, facts, row=row) for row, one in documents(evidence.images, columns))
        return _result(reports, (_table_remark(columns),))
    document = _document(evidence)
    return _result((audited(document, setting, facts),), _remarks(document))


def _document(evidence: Evidence) -> TextDocument:
    if not isinstance(evidence.images, TextDocument):
        raise Refused(
            "no_text",
            en=f"{evidence.name}: no report text was read; hand in a text, DOCX, PDF with text, HTML, HL7 or FHIR file, or a table",
            zh=f"{evidence.name}：没有读到报告文字；请提交文本、DOCX、含文字的 PDF、HTML、HL7、FHIR 文件或表格。",
        )
    if len(evidence.images.text.strip()) < LEAST_CHARACTERS:
        raise Refused(
            "too_short",
            en=f"{evidence.name}: {len(evidence.images.text.strip())} characters of text, too few for a report; is it a scanned page without text? "
            "Its elements cannot be assessed; export the report from the RIS instead",
            zh=f"{evidence.name}：仅有 {len(evidence.images.text.strip())} 个字符，不足以构成报告；是否为无文字层的扫描件？要素无法判断，请改从 RIS 导出。",
        )
    return evidence.images


def audited(
    document: TextDocument, setting: Setting | None = None, facts: Mapping[str, Any] | None = None, row: str = ""
) -> ReportAudit:
    """The verdicts on one text."""
    header = {**document.header, **{key: str(value) for key, value in (facts or {}).items()}}
    material = Material(report=Report(document.text), header=header, complete=document.complete)
    elements = with_doubts(material, judged(material))
    defects = contradictions(material, elements, setting)
    return ReportAudit(report_type=material.exam.type, elements=elements, defects=defects, row=row, hybrid=material.exam.hybrid)


def _result(reports: tuple[ReportAudit, ...], remarks: tuple[Remark, ...]) -> Audit:
    measurements = [one for report in reports for one in _measured(report)]
    first = reports[0]
    condition = Condition(
        label=Words("Rules", "规则"),
        value=Words(f"version {RULES_VERSION}; {VALIDATED.en}", f"版本 {RULES_VERSION}；{VALIDATED.zh}"),
    )
    return Audit(
        measurements=tuple(measurements), remarks=remarks, conditions=(condition,),
        report_type=first.report_type, elements=first.elements, defects=first.defects, reports=reports,
    )  # fmt: skip


def _measured(report: ReportAudit) -> Iterable[Measurement]:
    where: dict[str, Any] = {"row": report.row} if report.row else {}
    whole, points = completeness(report.elements).percent, score(report.elements)
    if whole is not None:
        yield COMPLETENESS.of(whole, **where)
    if report.report_type in ("FDG_PETCT", "PSMA_PETCT", "PETCT"):
        national = completeness(report.elements, national=True).percent
        if national is not None:
            yield NATIONAL.of(national, **where)
    if points is not None:
        yield SCORE.of(points, **where)


def _remarks(document: TextDocument) -> tuple[Remark, ...]:
    said = [
        remark(
            "absent_is_a_proposal",
            en="an element found absent is a proposal until a person confirms it; what the images show and the text omits cannot be seen here",
            zh="判为缺的要素须经人工确认；影像已显示而文字遗漏者，本检查无法发现。",
        )
    ]
    if document.pages_without_text:
        pages = "、".join(map(str, document.pages_without_text))
        said.append(
            remark(
                "page_without_text",
                en=f"page {pages.replace('、', ', ')} has no text: elements not found elsewhere are not assessable",
                zh=f"第 {pages} 页没有文字，其他页未见的要素为无法判断。",
            )
        )
    return tuple(said)


def _table_remark(columns: Mapping[str, str]) -> Remark:
    """Which columns were read as what; a part that was not exported cannot be called absent by a person either."""
    pairs = "，".join(f"{key} = {column}" for key, column in columns.items())
    return remark("columns_read", en=f"columns: {pairs.replace('，', ', ')}", zh=f"所读各列：{pairs}")


def as_document(result: Audit) -> dict[str, Any]:
    """The audit as plain data, as the document promises; of a table, `reports` holds each row's."""
    if len(result.reports) < 2:
        return _as_data(result.report_type, result.elements, result.defects)
    return {
        "report_type": None,
        "elements": [],
        "defects": [],
        "reports": [{"row": one.row, **_as_data(one.report_type, one.elements, one.defects)} for one in result.reports],
    }


def report_as_data(report: ReportAudit) -> dict[str, Any]:
    """One report's verdicts as plain data, as the document and the lines of a run hold them."""
    return _as_data(report.report_type, report.elements, report.defects)


def _as_data(report_type: str, elements: Iterable[Element], defects: Iterable[Defect]) -> dict[str, Any]:
    return {
        "report_type": report_type,
        "elements": [
            {
                "element": one.element, "status": one.status, "evidence": _quotes(one), "rule": one.rule, "citation": one.citation,
                "en": one.en, "zh": one.zh, "need": one.need, "national": one.national, "source": one.source, "searched": one.searched,
                **({"reason": {"en": one.reason.en, "zh": one.reason.zh}} if one.reason else {}),
            }
            for one in elements
        ],
        "defects": [
            {
                "code": one.code, "severity": one.severity, "evidence": _quotes(one), "rule": one.rule, "citation": one.citation,
                "en": one.en, "zh": one.zh, "hint": one.hint,
            }
            for one in defects
        ],
    }  # fmt: skip


def _quotes(one: Element | Defect) -> list[dict[str, Any]]:
    return [{"text": quote.text, "start": quote.start, "end": quote.end} for quote in one.evidence]

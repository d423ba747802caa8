"""Reports that travel as DICOM: structured reports (SR, the tree read in order) and encapsulated PDF or CDA, as text evidence.

The header of the object goes along beside the text, so that a reader of reports can say which of the two said a thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydicom import Dataset

from photopeak.evidence import Evidence, EvidenceFile
from photopeak.text import TextDocument, TextError, read_text

STRUCTURED = "1.2.840.10008.5.1.4.1.1.88."  # every SR storage class but the dose reports below
DOSE_REPORTS = frozenset({STRUCTURED + "67", STRUCTURED + "68", STRUCTURED + "74", STRUCTURED + "75", STRUCTURED + "76"})
PRESENTATION = frozenset({STRUCTURED + "59", STRUCTURED + "65"})  # key objects, CAD: no report
ENCAPSULATED = frozenset({"1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.104.2"})
DEEPEST = 40

HEADER = {
    "hospital": "InstitutionName", "name": "PatientName", "patient_id": "PatientID", "exam_no": "AccessionNumber",
    "referrer": "ReferringPhysicianName", "exam_name": "StudyDescription", "exam_date": "StudyDate", "report_date": "ContentDate",
    "sex": "PatientSex", "age": "PatientAge",
}  # fmt: skip


def is_document(header: Dataset) -> bool:
    """Whether a DICOM object is a report in words."""
    kind = str(header.get("SOPClassUID", ""))
    return kind in ENCAPSULATED or (kind.startswith(STRUCTURED) and kind not in DOSE_REPORTS | PRESENTATION)


def document_evidence(header: Dataset, file: EvidenceFile) -> Evidence:
    """The report in a DICOM object. Raises TextError where it holds none."""
    name = re.split(r"[\\/]", file.path)[-1]
    if str(header.get("SOPClassUID", "")) in ENCAPSULATED:
        inner = read_text(bytes(header.get("EncapsulatedDocument", b"") or b"").rstrip(b"\x00"), name)
        text, pages = inner.text, inner.pages_without_text
    else:
        text, pages = "\n".join(_tree(header, 0)), ()
    if not text.strip() and not pages:
        raise TextError(
            "empty_text", en=f"{name}: the DICOM object holds no report text", zh=f"{name}：DICOM 对象中没有报告文字。"
        )
    document = TextDocument(text=text, format="dicom", header=_stated(header), pages_without_text=pages)
    return Evidence(kind="text", files=(file,), sha256=file.sha256, images=document)


def _stated(header: Dataset) -> dict[str, str]:
    found = {}
    for name, keyword in HEADER.items():
        value = str(header.get(keyword, "") or "").replace("^", " ").split("=")[-1].strip()
        if name.endswith("date") and re.fullmatch(r"\d{8}", value):
            value = f"{value[:4]}-{value[4:6]}-{value[6:]}"
        if value:
            found[name] = value
    return found


def _tree(item: Dataset, depth: int) -> Iterator[str]:
    """Lines of a content tree in its order: a container's name as a heading, then what it holds."""
    if depth > DEEPEST:
        return
    kind, label = str(item.get("ValueType", "")), _meaning(item, "ConceptNameCodeSequence")
    said = _said(item, kind)
    if kind == "CONTAINER":
        if label:
            yield f"【{label}】" if depth else label
    elif said and label and label not in ("Finding", "Impression", "所见", "印象"):
        yield f"{label}：{said}"
    elif said:
        yield said
    for child in item.get("ContentSequence", None) or ():
        yield from _tree(child, depth + 1)


def _said(item: Dataset, kind: str) -> str:
    if kind == "TEXT":
        return str(item.get("TextValue", "")).strip()
    if kind == "CODE":
        return _meaning(item, "ConceptCodeSequence")
    if kind == "NUM":
        measured: Any = (item.get("MeasuredValueSequence", None) or [Dataset()])[0]
        return f"{measured.get('NumericValue', '')} {_unit(measured)}".strip()
    keyword = {"PNAME": "PersonName", "DATE": "Date", "TIME": "Time", "DATETIME": "DateTime"}.get(kind, "")
    return str(item.get(keyword, "") or "").replace("^", " ").strip() if keyword else ""


def _unit(measured: Dataset) -> str:
    units = measured.get("MeasurementUnitsCodeSequence", None)
    return str(units[0].get("CodeValue", "")) if units else ""


def _meaning(item: Dataset, keyword: str) -> str:
    codes = item.get(keyword, None)
    return str(codes[0].get("CodeMeaning", "")).strip() if codes else ""

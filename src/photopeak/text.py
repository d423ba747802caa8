"""A text document as a hospital hands it in, read at one wall: plain text, HTML, DOCX, PDF with text, HL7 v2 ORU, FHIR.

What the carrier itself states beside the text (the patient's sex in an HL7 segment, the date of a FHIR resource) stands in
`header`, so that a reader can say which of the two said it. Nothing is fetched and nothing is guessed: a page without a text layer is
named in `pages_without_text`, and no element may be called absent because of it.
"""

from __future__ import annotations

import base64
import html.parser
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree

from photopeak.evidence import Evidence, EvidenceFile
from photopeak.words import Words

LARGEST_TEXT_BYTES = 8 * 2**20  # a report is a few kB
LARGEST_PART_BYTES = 32 * 2**20  # of a DOCX, unpacked
LARGEST_PDF_PAGES = 200

#: what `header` may hold; dates as YYYY-MM-DD, sex as M or F
HEADER_NAMES = (
    "hospital", "name", "sex", "age", "birth_date", "patient_id", "exam_no", "exam_name", "exam_date", "report_date",
    "referrer", "author", "reviewer",
)  # fmt: skip


class TextError(Exception):
    """The file holds no text that can be read; `code` as in the unread list."""

    def __init__(self, code: str, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.code = code
        self.words = Words(en, zh)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDocument:
    """The text exactly as every span of a later verdict counts it; `format` one of txt, html, docx, pdf, hl7, fhir, table, dicom."""

    text: str
    format: str
    header: Mapping[str, str] = field(default_factory=dict)
    pages_without_text: tuple[int, ...] = ()  #: page numbers from 1

    @property
    def complete(self) -> bool:
        return not self.pages_without_text


def names_a_text(name: str) -> bool:
    """Whether a file is called as report texts are."""
    return name.lower().endswith((".txt", ".html", ".htm", ".docx", ".pdf", ".hl7", ".json"))


def text_evidence(content: bytes, file: EvidenceFile) -> Evidence:
    """The text of a file as evidence of its own."""
    document = read_text(content, PurePath(file.path).name)
    return Evidence(kind="text", files=(file,), sha256=file.sha256, images=document)


def read_text(content: bytes, name: str) -> TextDocument:
    """The text of a file from its bytes; `name` is for the messages only. Raises TextError in plain words."""
    if len(content) > LARGEST_TEXT_BYTES * 4:
        raise TextError(
            "too_large",
            en=f"{name}: {len(content) / 2**20:.0f} MB is no report; hand in one report per file",
            zh=f"{name}：大小为 {len(content) / 2**20:.0f} MB，不像一份报告；请每份报告一个文件。",
        )
    if content[:4] == b"PK\x03\x04":
        return _docx(content, name)
    if b"%PDF-" in content[:1024]:
        return _pdf(content, name)
    if content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise TextError(
            "old_word",
            en=f"{name}: an old Word document (.doc); open it and save it as .docx",
            zh=f"{name}：旧版 Word 文档（.doc），请打开后另存为 .docx。",
        )
    return _plain(content, name)


#: an object, or a list of objects: a report in words may begin with a bracket too, but not with these
JSON_BEGINS = re.compile(r"\{\s*[\"}]|\[\s*\{")


def _plain(content: bytes, name: str) -> TextDocument:
    text = decode(content, name)
    start = text.lstrip()[:400]
    if start.startswith("MSH|") or re.match(r"MSH.\^~\\&", start):
        return _hl7(text, name)
    if JSON_BEGINS.match(start):
        return _fhir(text, name)
    if re.search(r"<(?:!doctype html|html|body|table|div|p|br)\b", start, re.I):
        return _filled(TextDocument(text=html_text(text), format="html"), name)
    return _filled(TextDocument(text=text.replace("\r\n", "\n").replace("\r", "\n"), format="txt"), name)


def decode(content: bytes, name: str) -> str:
    """Text from UTF-8 (with or without mark), UTF-16 with its mark, or GB18030."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    if b"\x00" not in content or encodings == ("utf-16",):
        for encoding in encodings:
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                continue
    raise TextError(
        "not_a_text",
        en=f"{name}: neither UTF-8 nor GB18030 text; save it again as UTF-8",
        zh=f"{name}：既不是 UTF-8 也不是 GB18030 文本，请另存为 UTF-8。",
    )


def _filled(document: TextDocument, name: str) -> TextDocument:
    if document.text.strip() or document.pages_without_text:
        return document
    raise TextError("empty_text", en=f"{name}: the file holds no text", zh=f"{name}：文件中没有文字。")


class _Blocks(html.parser.HTMLParser):
    """Text of a page: blocks on lines of their own, table cells parted by a bar, scripts and styles left out."""

    BLOCKS = re.compile(r"p|div|br|tr|li|h[1-6]|table|section|article|header|footer|pre|[uod]l|d[td]|hr")
    HIDDEN = frozenset(("script", "style", "title", "template", "noscript"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.HIDDEN:
            self.hidden += 1
        elif tag in ("td", "th"):
            self.parts.append("|")
        elif self.BLOCKS.fullmatch(tag):
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.HIDDEN:
            self.hidden = max(0, self.hidden - 1)
        elif tag != "br" and self.BLOCKS.fullmatch(tag):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(re.sub(r"[ \t\r\n]+", " ", data))


def html_text(page: str) -> str:
    """The visible text of an HTML page."""
    parser = _Blocks()
    parser.feed(page)
    parser.close()
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(parser.parts))
    return re.sub(r"\n{2,}", "\n", text).strip("\n")


WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"  # repeats a text box for old programs


def _docx(content: bytes, name: str) -> TextDocument:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [
                entry
                for entry in archive.infolist()
                if re.fullmatch(r"word/(document|header\d*|footer\d*)\.xml", entry.filename)
            ]
            if not any(entry.filename == "word/document.xml" for entry in parts):
                raise TextError(
                    "not_a_text",
                    en=f"{name}: a zip archive, but no Word document; a table belongs to the table reader",
                    zh=f"{name}：是压缩包，但不是 Word 文档；表格请按表格提交。",
                )
            if sum(entry.file_size for entry in parts) > LARGEST_PART_BYTES:
                raise TextError(
                    "too_large", en=f"{name}: unpacks to more than a report holds", zh=f"{name}：解压后超出一份报告的合理大小。"
                )
            order = sorted(
                parts,
                key=lambda entry: (
                    ("header", "document", "footer").index(re.sub(r"word/|\d*\.xml", "", entry.filename)),
                    entry.filename,
                ),
            )
            lines = [line for entry in order for line in _word_lines(archive.read(entry))]
    except (zipfile.BadZipFile, ElementTree.ParseError, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise TextError(
            "not_a_text",
            en=f"{name}: the Word document is damaged ({type(error).__name__}); open it in Word and save it again",
            zh=f"{name}：Word 文档已损坏（{type(error).__name__}），请用 Word 打开后重新保存。",
        ) from error
    return _filled(TextDocument(text="\n".join(lines).strip("\n"), format="docx"), name)


def _word_lines(part: bytes) -> list[str]:
    if b"<!DOCTYPE" in part[:2000] or b"<!ENTITY" in part:
        raise ValueError("a Word part declares no entities")
    return list(_lines_below(ElementTree.fromstring(part)))


def _lines_below(element: ElementTree.Element) -> Iterator[str]:
    for child in element:
        if child.tag == WORD + "p":
            yield from _paragraph(child)
        elif child.tag == WORD + "tr":
            cells = [" ".join(_lines_below(cell)).strip() for cell in child if cell.tag == WORD + "tc"]
            yield "|" + "|".join(cells) + "|"
        elif child.tag != FALLBACK:
            yield from _lines_below(child)


def _paragraph(paragraph: ElementTree.Element) -> Iterator[str]:
    """The paragraph's own line, then those of the text boxes anchored in it."""
    own: list[str] = []
    boxes: list[ElementTree.Element] = []

    def walk(element: ElementTree.Element) -> None:
        for child in element:
            if child.tag == WORD + "t":
                own.append(child.text or "")
            elif child.tag == WORD + "tab":
                own.append("\t")
            elif child.tag in (WORD + "br", WORD + "cr"):
                own.append("\n")
            elif child.tag == WORD + "txbxContent":
                boxes.append(child)
            elif child.tag not in (FALLBACK, WORD + "del", WORD + "instrText"):
                walk(child)

    walk(paragraph)
    yield "".join(own)
    for box in boxes:
        yield from _lines_below(box)


def _pdf(content: bytes, name: str) -> TextDocument:
    import pypdfium2  # type: ignore[import-untyped]

    try:
        book = pypdfium2.PdfDocument(content)
        if len(book) > LARGEST_PDF_PAGES:
            raise TextError(
                "too_large", en=f"{name}: {len(book)} pages are no report", zh=f"{name}：共 {len(book)} 页，不像一份报告。"
            )
        pages = [page.get_textpage().get_text_bounded() for page in book]
        seen = {number: _recognised(book[number]) for number, words in enumerate(pages) if not words.strip()}
    except pypdfium2.PdfiumError as error:
        raise TextError(
            "not_a_text",
            en=f"{name}: the PDF cannot be opened (damaged or protected by a password); export it again",
            zh=f"{name}：PDF 无法打开（已损坏或有密码保护），请重新导出。",
        ) from error
    texts = [page.replace("\r\n", "\n").replace("\ufffe", "").strip("\n") for page in pages]
    empty = tuple(number for number, text in enumerate(texts, 1) if not text.strip())
    read = [seen.get(number, "") or text for number, text in enumerate(texts)]
    return _filled(TextDocument(text="\n".join(read), format="pdf", pages_without_text=empty), name)


def _recognised(page: Any) -> str:
    """The words on a scanned page, where the extra `ocr` is installed; the page stays one without text."""
    from photopeak import page_recognition

    if not page_recognition.is_available():
        return ""
    longest = max(page.get_width(), page.get_height(), 1.0) / 72
    scale = min(page_recognition.DPI, page_recognition.LONGEST_SIDE_PX / longest) / 72
    return page_recognition.recognised(page.render(scale=scale).to_numpy()[:, :, :3])


def _hl7(text: str, name: str) -> TextDocument:
    """HL7 v2 ORU^R01: OBX-5 of TX, FT and ST observations one after the other, PID, PV1 and OBR as header."""
    segments = [line for line in re.split(r"[\r\n]+", text.strip()) if line]
    bar, signs = segments[0][3], segments[0][4:8]
    rows = [segment.split(bar) for segment in segments]
    header: dict[str, str] = {}
    lines: list[str] = []
    for row in rows:
        if row[0] == "OBX" and len(row) > 5 and row[2] in ("TX", "FT", "ST", "CE", "CWE"):
            lines += _observation(row, signs, last=lines)
        elif row[0] in _HL7_FIELDS:
            header |= _fields(row, signs)
    if not lines:
        raise TextError(
            "empty_text",
            en=f"{name}: the HL7 message has no report text (OBX-5); is it an ORU message?",
            zh=f"{name}：HL7 消息中没有报告正文（OBX-5），是 ORU 消息吗？",
        )
    return TextDocument(text="\n".join(lines), format="hl7", header=header)


_HL7_FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "PID": {"patient_id": (3, "first"), "name": (5, "name"), "birth_date": (7, "date"), "sex": (8, "first")},
    "PV1": {"referrer": (8, "name")},
    "OBR": {
        "exam_no": (3, "first"), "exam_name": (4, "second"), "exam_date": (7, "date"), "referrer": (16, "name"),
        "report_date": (22, "date"), "reviewer": (32, "name"), "author": (33, "name"),
    },
    "MSH": {"hospital": (3, "first")},
}  # fmt: skip


def _fields(row: list[str], signs: str) -> dict[str, str]:
    component, repeat = signs[0], signs[1]
    found: dict[str, str] = {}
    for key, (index, how) in _HL7_FIELDS[row[0]].items():
        value = row[index].split(repeat)[0] if len(row) > index else ""
        parts = [part for part in value.split(component) if part]
        if not parts:
            continue
        if how == "date":
            value = _date(parts[0])
        elif how == "second":
            value = parts[min(1, len(parts) - 1)]
        elif how == "name":
            value = "".join(part for part in parts if not re.fullmatch(r"[\dA-Z]{3,}", part)) or parts[0]
        else:
            value = parts[0]
        if value:
            found[key] = value
    return found


def _date(digits: str) -> str:
    found = re.match(r"(\d{4})-?(\d{2})-?(\d{2})", digits)
    return "-".join(found.groups()) if found else ""


def _observation(row: list[str], signs: str, last: list[str]) -> list[str]:
    component, repeat, escape = signs[0], signs[1], signs[2]
    said = row[5].replace(f"{escape}.br{escape}", "\n").replace(repeat, "\n")
    for code, sign in {"F": "|", "S": component, "T": "&", "R": repeat, "E": escape}.items():
        said = said.replace(f"{escape}{code}{escape}", sign)
    said = re.sub(re.escape(escape) + r"(?:\.[a-z]+[+-]?\d*|H|N|X[0-9A-F]+)" + re.escape(escape), "", said)
    label = row[3].split(component)[1] if component in row[3] else ""
    if (
        label
        and re.search(r"[\u4e00-\u9fffA-Za-z]", label)
        and f"【{label}】" not in last
        and label not in said[: len(label) + 4]
    ):
        return [f"【{label}】", *said.split("\n")]
    return said.split("\n")


def _fhir(text: str, name: str) -> TextDocument:
    """FHIR DiagnosticReport (alone or in a Bundle): presentedForm, else the narrative, and the conclusion."""
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise TextError("not_a_text", en=f"{name}: damaged JSON", zh=f"{name}：JSON 已损坏。") from error
    resources = [document, *(entry.get("resource", {}) for entry in _listed(document, "entry"))]
    report = next((one for one in resources if isinstance(one, dict) and one.get("resourceType") == "DiagnosticReport"), None)
    if report is None:
        raise TextError(
            "not_a_text",
            en=f"{name}: JSON without a FHIR DiagnosticReport",
            zh=f"{name}：JSON 中没有 FHIR DiagnosticReport。",
        )
    patient = next((one for one in resources if isinstance(one, dict) and one.get("resourceType") == "Patient"), {})
    body, empty = _presented(report, name)
    if not body:
        body = html_text(str((report.get("text") or {}).get("div", "")))
    conclusion = str(report.get("conclusion") or "")
    if conclusion and conclusion not in body:
        body = f"{body}\n结论：{conclusion}" if body else f"结论：{conclusion}"
    return _filled(TextDocument(text=body, format="fhir", header=_fhir_header(report, patient), pages_without_text=empty), name)


def _presented(report: Mapping[str, Any], name: str) -> tuple[str, tuple[int, ...]]:
    for form in _listed(report, "presentedForm"):
        try:
            content = base64.b64decode(str(form.get("data") or ""), validate=False)
        except ValueError:
            continue
        if content and not content.lstrip().startswith(b"{"):
            inner = read_text(content, name)
            return inner.text, inner.pages_without_text
    return "", ()


def _fhir_header(report: Mapping[str, Any], patient: Mapping[str, Any]) -> dict[str, str]:
    code = report.get("code") or {}
    names = _listed(patient, "name")
    found = {
        "exam_name": str(code.get("text") or next((one.get("display", "") for one in _listed(code, "coding")), "")),
        "exam_date": _date(str(report.get("effectiveDateTime") or "")),
        "report_date": _date(str(report.get("issued") or "")),
        "exam_no": str(next((one.get("value", "") for one in _listed(report, "identifier")), "")),
        "sex": {"male": "M", "female": "F"}.get(str(patient.get("gender") or ""), ""),
        "birth_date": _date(str(patient.get("birthDate") or "")),
        "name": str(names[0].get("text") or "") if names else "",
        "hospital": str(next((one.get("display", "") for one in _listed(report, "performer")), "")),
    }
    return {key: value for key, value in found.items() if value}


def _listed(record: Any, key: str) -> list[Mapping[str, Any]]:
    """The dictionaries in the list `record[key]`; empty where it is none."""
    value = record.get(key) if isinstance(record, dict) else None
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []

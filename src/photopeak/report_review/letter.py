"""The letter to a hospital: how many reports were read, which elements are missing how often, what contradicts itself; as DOCX.

It speaks of proposals until a person has confirmed them, and says what the module was validated on.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from photopeak.report_review.contradictions import NAMES
from photopeak.report_review.rates import HospitalRates
from photopeak.words import Language

Lines = list[tuple[str, str | Sequence[Sequence[str]]]]  #: ("heading" | "text" | "table", what)
SHOWN = 12


def letter_lines(
    hospital: str, own: HospitalRates, names: Mapping[str, tuple[str, str]], language: Language, *, confirmed: bool
) -> Lines:
    """What the letter says, apart from how it is set: headings, paragraphs and tables in order."""
    chinese = language == "zh"
    low = sorted(
        (value.percent, name, value) for name, value in own.rates().items() if value.percent is not None and value.percent < 100
    )
    rows = [
        [
            names[name][0 if chinese else 1],
            f"{value.count}/{value.total}",
            f"{value.percent:.1f} %",
            f"{value.lower:.1f}–{value.upper:.1f} %",
        ]
        for _, name, value in low[:SHOWN]
    ]
    state = ("以下“缺”的判断已经人工确认。", "The absences below have been confirmed by a person.") if confirmed else (
        "以下“缺”的判断为规则提示，尚未经人工确认，请贵院核对后反馈。", "The absences below are proposals of rules, not yet confirmed by a person; please check and answer.")  # fmt: skip
    said: Lines = [
        ("heading", "核医学报告质量反馈" if chinese else "Feedback on nuclear-medicine reports"),
        ("text", f"{hospital}：" if chinese else f"To {hospital}:"),
        (
            "text",
            f"本次共审阅贵院报告 {own.reports} 份。{state[0]}"
            if chinese
            else f"{own.reports} of your reports were read. {state[1]}",
        ),
        ("heading", "要素完整性（由低到高）" if chinese else "Elements, least complete first"),
    ]
    head = ["要素", "有/可判断", "率", "95% 区间"] if chinese else ["element", "present/assessed", "rate", "95 % interval"]
    said.append(("table", [head, *rows]) if rows else ("text", "未见缺失。" if chinese else "Nothing is missing."))
    value = own.nm_07()
    if value.percent is not None:
        said.append(("text", (f"NM-07（PET/CT 报告要素完整率，暂定）：{value.count}/{value.total}，{value.percent:.1f}%（95% 区间 {value.lower:.1f}–{value.upper:.1f}%）。" if chinese else
                              f"NM-07 (PET/CT reports with all elements, provisional): {value.count}/{value.total}, {value.percent:.1f} % (95 % interval {value.lower:.1f}–{value.upper:.1f} %).")))  # fmt: skip
    said.append(("heading", "前后矛盾" if chinese else "Contradictions"))
    found = [[NAMES[code].say(language), str(number)] for code, number in own.defects.most_common() if code in NAMES]
    said.append(
        ("table", [["问题", "报告数"] if chinese else ["what", "reports"], *found])
        if found
        else ("text", "未发现。" if chinese else "None found.")
    )
    said.append(("text", "规则仅审阅文字：影像已显示而报告未写者无法发现。权重与等级为建议值。真实报告验证：尚无。" if chinese else
                 "The rules read text alone: what images show and the report omits cannot be seen. Weights are proposals. Validated on real reports: none yet."))  # fmt: skip
    return said


def docx(said: Lines) -> bytes:
    """The letter as a Word document; Chinese set in the computer's own typeface."""
    from docx import Document
    from docx.oxml.ns import qn

    book: Any = Document()
    style = book.styles["Normal"]
    style.font.name = "Calibri"
    style.element.rPr.rFonts.set(qn("w:eastAsia"), "宋体")
    for kind, what in said:
        if kind == "heading":
            book.add_heading(what, level=1)
        elif kind == "text":
            book.add_paragraph(what)
        else:
            table = book.add_table(rows=0, cols=len(what[0]), style="Light Grid Accent 1")
            for row in what:
                for cell, words in zip(table.add_row().cells, row):
                    cell.text = str(words)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()

"""One report as a page: its text with the words each verdict rests on marked, and the verdicts beside them. Self-contained HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from photopeak.words import Language

STATUS: dict[str, tuple[str, str]] = {
    "present": ("有", "present"), "partial": ("不完整", "partial"), "absent": ("缺（待人工确认）", "absent (a person confirms)"),
    "not_applicable": ("不适用", "not applicable"), "not_assessable": ("无法判断", "not assessable"),
}  # fmt: skip
SEVERITY = {"critical": ("严重", "critical"), "major": ("主要", "major"), "minor": ("次要", "minor")}
STYLE = """body{margin:0;font:15px/1.7 "Noto Sans SC","Source Han Sans SC","Microsoft YaHei",sans-serif;color:#1d2733;background:#fff}
main{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:28px;max-width:1280px;margin:0 auto;padding:28px}
h1{font-size:20px;margin:0 0 4px;grid-column:1/-1}p.note{color:#5b6875;margin:0;grid-column:1/-1}pre{white-space:pre-wrap;word-break:break-word;font:inherit;margin:0}
mark{background:#e4eef8;color:inherit;border-radius:3px}mark.doubt{background:none;border-bottom:1px dashed #8a5a00}mark.defect{background:#f8e1dc;box-shadow:inset 0 -2px #b4432f}
table{border-collapse:collapse;width:100%;font-size:13px}td{border-top:1px solid #dde3e9;padding:3px 6px;vertical-align:top}
.absent,.critical{color:#b4432f;font-weight:600}.partial,.major{color:#8a5a00}.rule{color:#5b6875;font-size:11px}
@media(max-width:820px){main{grid-template-columns:1fr}}"""


def page(text: str, report: Mapping[str, Any], language: Language = "zh", title: str = "") -> str:
    """The page of one audited report; `report` as `report_as_data` gives it, `text` as read. Every word of the text is escaped."""
    own = 0 if language == "zh" else 1
    note = ("判为缺的要素须经人工确认；影像已显示而文字遗漏者无法发现。真实报告验证：尚无。", "An element found absent is a proposal until a person confirms it; what images show and the text omits cannot be seen. Validated on real reports: none yet.")[own]  # fmt: skip
    elements = "".join(
        f'<tr><td>{html.escape(one[language])}</td><td class="{one["status"]}">{STATUS[one["status"]][own]}{_reason(one, language)}</td>'
        f'<td class="rule">{html.escape(one["rule"])}<br>{html.escape(one["citation"])}</td></tr>'
        for one in report["elements"]
    )
    defects = (
        "".join(
            f'<tr><td class="{one["severity"]}">{SEVERITY[one["severity"]][own]}</td><td>{html.escape(one[language])}</td>'
            f'<td class="rule">{html.escape(one["rule"])}<br>{html.escape(one["citation"])}</td></tr>'
            for one in report["defects"]
        )
        or f"<tr><td>{('未发现矛盾', 'no contradiction found')[own]}</td></tr>"
    )
    heading = html.escape(title or ("报告质控", "Report review")[own])
    return (
        f'<!doctype html><html lang="{"zh-CN" if language == "zh" else "en"}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{heading}</title><style>{STYLE}</style><main><h1>{heading}</h1><p class=note>{note}</p>"
        f"<pre>{marked(text, report)}</pre><div><table>{defects}</table><br><table>{elements}</table></div></main></html>"
    )


def _reason(one: Mapping[str, Any], language: Language) -> str:
    """Why nobody can tell, under the verdict."""
    return f'<br><span class="rule">{html.escape(one["reason"][language])}</span>' if one.get("reason") else ""


def marked(text: str, report: Mapping[str, Any]) -> str:
    """The text, escaped, with the quoted words marked: a defect's marks over an element's, and those over what a person must look at."""
    kinds = [""] * len(text)
    names = [""] * len(text)
    doubts = [one for one in report["elements"] if one["status"] == "not_assessable"]
    found = [one for one in report["elements"] if one["status"] != "not_assessable"]
    for kind, rows in (("doubt", doubts), ("element", found), ("defect", report["defects"])):
        for row in rows:
            for quote in row["evidence"]:
                for place in range(quote["start"], min(quote["end"], len(text))):
                    kinds[place], names[place] = kind, row["zh"]
    out, at = [], 0
    while at < len(text):
        end = at + 1
        while end < len(text) and (kinds[end], names[end]) == (kinds[at], names[at]):
            end += 1
        words = html.escape(text[at:end])
        out.append(f'<mark class="{kinds[at]}" title="{html.escape(names[at])}">{words}</mark>' if kinds[at] else words)
        at = end
    return "".join(out)
